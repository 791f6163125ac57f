//! The values at hand while a program is walked: put in, split by rows, joined again.

use tract_onnx::prelude::*;

use perforate_base::error::{Error, ErrorKind, Result, one_line};

use super::batch::{Knobs, select_rows};
use super::compiled::PlanState;
use super::ops::skipped_work;
use super::program::Program;
use super::tree::{Block, GateNode};

/// Values at hand for some of the batch's rows.
#[derive(Debug)]
pub(super) struct ActiveRows {
    /// Indices of the rows in the whole batch.
    pub rows: Vec<usize>,
    pub slots: Vec<Option<TValue>>,
}

/// Checks the knobs and puts them into their slots.
pub(super) fn set_knobs(
    program: &Program,
    slots: &mut [Option<TValue>],
    knobs: &Knobs,
) -> Result<()> {
    for (name, value) in knobs.iter() {
        if !program.knobs.iter().any(|knob| knob.name == name) {
            let known: Vec<_> = program.knobs.iter().map(|k| format!("`{}`", k.name)).collect();
            let known = if known.is_empty() { "none".into() } else { known.join(", ") };
            return Err(Error::new(
                ErrorKind::Knob,
                format!("the model has no such knob; it has {known}"),
            )
            .at(format!("knob `{name}`")));
        }
        if value.is_nan() {
            return Err(Error::new(ErrorKind::Knob, "the value is not a number")
                .at(format!("knob `{name}`")));
        }
    }
    for knob in &program.knobs {
        let value = knobs.get(&knob.name).or(knob.default).ok_or_else(|| {
            Error::new(ErrorKind::Knob, "it has no default, so a value must be given")
                .at(format!("knob `{}`", knob.name))
        })?;
        slots[knob.slot] = Some(knob.tensor(value)?);
    }
    Ok(())
}

/// What a condition holds, each number as true or false.
pub(super) fn truths(program: &Program, fork: &GateNode, decision: &TValue) -> Result<Vec<bool>> {
    let read = || -> TractResult<Vec<bool>> {
        let truths = decision.cast_to::<bool>()?;
        Ok(truths.to_plain_array_view::<bool>()?.iter().copied().collect())
    };
    read().map_err(|e| {
        let kind = decision.datum_type();
        let text = format!(
            "the condition is a tensor of {kind:?}, and must be one of booleans: export the model again"
        );
        let name = &program.gates[fork.gate].name;
        Error::new(ErrorKind::Model, text).node(name).with_source(e)
    })
}

/// The one decision that a condition holds for all rows.
pub(super) fn truth(program: &Program, fork: &GateNode, decision: &TValue) -> Result<bool> {
    match truths(program, fork, decision)?[..] {
        [one] => Ok(one),
        ref all => Err(Error::new(
            ErrorKind::Model,
            format!("the condition holds {} values, but must hold one, or one a row", all.len()),
        )
        .node(&program.gates[fork.gate].name)),
    }
}

/// Whether these are the very same tensors, not only equal ones.
pub(super) fn same(a: &[TValue], b: &[TValue]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| std::ptr::eq::<Tensor>(&**a, &**b))
}

pub(super) fn internal(error: TractError) -> Error {
    Error::new(ErrorKind::Internal, one_line(&error)).with_source(error)
}

pub(super) fn value(frame: &ActiveRows, program: &Program, slot: usize) -> Result<TValue> {
    frame.slots[slot].clone().ok_or_else(|| {
        let name = &program.slots[slot].name;
        Error::new(ErrorKind::Internal, format!("the tensor `{name}` was not computed in time"))
    })
}

/// A value for every row of the frame, one that all rows share being repeated.
pub(super) fn per_row_value(
    frame: &ActiveRows,
    program: &Program,
    slot: usize,
    rows: usize,
) -> Result<TValue> {
    let tensor = value(frame, program, slot)?;
    if tensor.shape().first() == Some(&rows) && program.slots[slot].per_row {
        return Ok(tensor);
    }
    let mut shape = tensor.shape().to_vec();
    match shape.first_mut() {
        Some(first) if *first == 1 => *first = rows,
        _ => {
            let name = &program.slots[slot].name;
            return Err(Error::new(
                ErrorKind::Model,
                format!("the branch output `{name}` has no row axis, so rows cannot be joined"),
            ));
        }
    }
    Ok(tensor.broadcast_to_shape(&shape).map_err(internal)?.into_tvalue())
}

pub(super) fn numbers(tensor: &Tensor) -> Result<&[f32]> {
    let view = tensor.to_plain_array_view::<f32>().map_err(internal)?;
    view.to_slice()
        .ok_or_else(|| Error::new(ErrorKind::Internal, "a score tensor is not contiguous"))
}

pub(super) fn state(
    cell: &mut Option<PlanState>,
    spawn: impl FnOnce() -> Result<PlanState>,
) -> Result<&mut PlanState> {
    if cell.is_none() {
        *cell = Some(spawn()?);
    }
    cell.as_mut().ok_or_else(|| Error::new(ErrorKind::Internal, "no plan"))
}

/// Runs the one-row plan for each row and stacks the outputs.
pub(super) fn row_by_row(
    program: &Program,
    slots: &[usize],
    state: &mut PlanState,
    inputs: &[TValue],
    rows: usize,
) -> TractResult<TVec<TValue>> {
    let mut columns: Vec<Vec<TValue>> = vec![];
    for row in 0..rows {
        let single = slots
            .iter()
            .zip(inputs)
            .map(|(&slot, tensor)| {
                if program.slots[slot].per_row {
                    Ok(tensor.slice(0, row, row + 1)?.into_tvalue())
                } else {
                    Ok(tensor.clone())
                }
            })
            .collect::<TractResult<TVec<_>>>()?;
        skipped_work::at_row(row);
        let outputs = state.run(single)?;
        columns.resize_with(outputs.len(), Vec::new);
        columns.iter_mut().zip(outputs).for_each(|(column, output)| column.push(output));
    }
    columns
        .into_iter()
        .map(|column| match column[0].rank() {
            // A value without axes cannot depend on the row.
            0 => Ok(column[0].clone()),
            _ => Ok(Tensor::stack_tensors(0, &column)?.into_tvalue()),
        })
        .collect()
}

/// The frame of a branch: what it reads, for its rows only.
pub(super) fn gather(
    program: &Program,
    block: &Block,
    frame: &ActiveRows,
    local: &[usize],
) -> Result<ActiveRows> {
    let mut slots = vec![None; frame.slots.len()];
    for &slot in &block.reads {
        let tensor = value(frame, program, slot)?;
        slots[slot] = Some(if program.slots[slot].per_row {
            select_rows(&tensor, local).map_err(internal)?.into_tvalue()
        } else {
            tensor
        });
    }
    Ok(ActiveRows { rows: local.iter().map(|&i| frame.rows[i]).collect(), slots })
}

/// Puts the rows of both branches back into one tensor.
pub(super) fn scatter(
    parts: &[(Vec<usize>, Vec<TValue>)],
    ix: usize,
    rows: usize,
) -> Result<TValue> {
    let model = &parts[0].1[ix];
    let mut shape = model.shape().to_vec();
    shape[0] = rows;
    let join = || -> TractResult<Tensor> {
        let mut joined = Tensor::zero_dt(model.datum_type(), &shape)?;
        for (local, outputs) in parts {
            for (from, &to) in local.iter().enumerate() {
                joined.assign_slice(to..to + 1, &outputs[ix], from..from + 1, 0)?;
            }
        }
        Ok(joined)
    };
    Ok(join().map_err(internal)?.into_tvalue())
}
