//! Stored numbers that decide on sizes, and arithmetic on sizes.

use super::*;

/// Small stored numbers by name: initialisers, and what `Constant` gives.
pub(super) fn known_numbers(graph: &GraphProto) -> HashMap<&str, Vec<f64>> {
    let stored = graph.initializer.iter();
    let mut known: HashMap<&str, Vec<f64>> =
        stored.filter_map(|tensor| Some((tensor.name.as_str(), numbers(tensor)?))).collect();
    for node in graph.node.iter().filter(|node| node.op_type == "Constant") {
        let Some(name) = node.output.first() else { continue };
        let value = node.attribute.iter().find_map(|attribute| match attribute.name.as_str() {
            "value" => numbers(attribute.t.as_ref()?),
            "value_int" | "value_ints" => {
                Some(integers(attribute)?.iter().map(|&value| value as f64).collect())
            }
            "value_float" => Some(vec![f64::from(attribute.f)]),
            "value_floats" => Some(attribute.floats.iter().copied().map(f64::from).collect()),
            _ => None,
        });
        known.extend(value.map(|value| (name.as_str(), value)));
    }
    known
}

/// The numbers of a small tensor of a type that sizes and axes have.
pub(super) fn numbers(tensor: &TensorProto) -> Option<Vec<f64>> {
    elements(&tensor.dims).filter(|&count| count <= MOST_READ)?;
    let raw = &tensor.raw_data;
    Some(match DataType::try_from(tensor.data_type).ok()? {
        DataType::Int64 if raw.is_empty() => tensor.int64_data.iter().map(|&v| v as f64).collect(),
        DataType::Int64 => raw
            .chunks_exact(8)
            .map(|b| i64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as f64)
            .collect(),
        DataType::Int32 if raw.is_empty() => tensor.int32_data.iter().map(|&v| v.into()).collect(),
        DataType::Int32 => raw
            .chunks_exact(4)
            .map(|b| f64::from(i32::from_le_bytes([b[0], b[1], b[2], b[3]])))
            .collect(),
        DataType::Float if raw.is_empty() => tensor.float_data.iter().map(|&v| v.into()).collect(),
        DataType::Float => raw
            .chunks_exact(4)
            .map(|b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]])))
            .collect(),
        _ => return None,
    })
}

/// Refuses stored numbers that would make a tensor too large, or no tensor at all.
pub(super) fn check_stored_sizes(node: &NodeProto, known: &HashMap<&str, Vec<f64>>) -> Result<()> {
    let at = |ix: usize| known.get(node.input.get(ix)?.as_str());
    let within = |ix: usize, what: &str, bounds: RangeInclusive<f64>| {
        let Some(values) = at(ix) else { return Ok(()) };
        match values.iter().find(|value| !bounds.contains(value)) {
            None => Ok(()),
            Some(value) => {
                let (least, most) = (bounds.start(), bounds.end());
                let text = format!(
                    "the stored {what} of `{}` is {value} and must lie in {least}…{most}: export the model again",
                    node.op_type
                );
                Err(fault(place(node), text))
            }
        }
    };
    let made = |ix: usize| match at(ix) {
        // 0 and −1 stand for sizes of the input.
        Some(sizes) => {
            let sizes: Vec<i64> = sizes.iter().map(|&s| s as i64).filter(|&s| s > 0).collect();
            check_made(node, &sizes)
        }
        None => Ok(()),
    };
    let no_step = |ix: usize| match at(ix).is_some_and(|steps| steps.contains(&0.0)) {
        true => Err(fault(place(node), format!("a step of `{}` is 0: set it", node.op_type))),
        false => Ok(()),
    };
    let rank = MOST_RANK as f64;
    let axes = |ix: usize| {
        within(ix, "axis", -rank..=rank)?;
        match at(ix).filter(|axes| axes.len() > MOST_RANK as usize) {
            Some(axes) => {
                let text = format!("`{}` reads {} stored axes", node.op_type, axes.len());
                Err(fault(place(node), text + ": export the model again"))
            }
            None => Ok(()),
        }
    };
    let (counted, most) = (MOST_COUNTED as f64, MOST_MADE as f64);
    match node.op_type.as_str() {
        "ConstantOfShape" => made(0),
        "Expand" | "Reshape" | "Tile" => made(1),
        "CumSum" | "Squeeze" | "Unsqueeze" => axes(1),
        reduce if reduce.starts_with("Reduce") => axes(1),
        "Slice" => {
            axes(3)?;
            no_step(4)
        }
        "Pad" => {
            within(1, "padding", -counted..=counted)?;
            let Some(pads) = at(1) else { return Ok(()) };
            // Beside one place along each axis.
            let (low, high) = pads.split_at(pads.len() / 2);
            let sizes = low.iter().zip(high).map(|(low, high)| (1.0 + low + high).max(1.0) as i64);
            check_made(node, &sizes.collect::<Vec<_>>())
        }
        "OneHot" | "TopK" => within(1, "count", 0.0..=counted),
        "BlackmanWindow" | "HammingWindow" | "HannWindow" => within(0, "size", 0.0..=counted),
        "MelWeightMatrix" => {
            within(0, "count", 0.0..=WIDEST as f64)?;
            within(1, "count", 0.0..=WIDEST as f64)
        }
        "Split" => within(1, "size of a part", 0.0..=most),
        "DFT" | "STFT" => within(1, "length or step", 1.0..=counted),
        "Resize" => {
            within(2, "scale", f64::from(f32::MIN_POSITIVE)..=MOST_SCALE)?;
            if at(2).is_some_and(|scales| scales.iter().product::<f64>() > MOST_ENLARGED) {
                let text = format!("`Resize` enlarges more than {MOST_ENLARGED} times");
                return Err(fault(place(node), text + ": make it smaller"));
            }
            made(3)
        }
        "Range" => {
            no_step(2)?;
            let [start, end, step] = [0, 1, 2].map(|ix| at(ix).and_then(|v| v.first()).copied());
            let (Some(start), Some(end), Some(step)) = (start, end, step) else { return Ok(()) };
            // A cast holds what is too large at the largest integer, and makes 0 of NaN.
            check_made(node, &[((end - start) / step).max(0.0) as i64])
        }
        _ => Ok(()),
    }
}

/// What a size that is computed looks like when it is multiplied out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Polynomial {
    terms: u64,
    degree: u64,
}

impl Polynomial {
    pub(super) const CONSTANT: Polynomial = Polynomial { terms: 1, degree: 0 };
    const SIZE: Polynomial = Polynomial { terms: 1, degree: 1 };

    pub(super) fn of(operator: &str, given: &[Polynomial]) -> Option<Polynomial> {
        let terms = given.iter().map(|p| p.terms);
        let degrees = given.iter().map(|p| p.degree);
        let most_terms = terms.clone().max()?;
        let most_degree = degrees.clone().max()?;
        let (terms, degree) = match operator {
            "Cast" | "CastLike" | "Ceil" | "Clip" | "Concat" | "Expand" | "Flatten" | "Floor"
            | "Gather" | "GatherElements" | "GatherND" | "Abs" | "Identity" | "Neg" | "Reshape"
            | "Round" | "Slice" | "Split" | "Squeeze" | "Tile" | "Transpose" | "Unsqueeze" => {
                (most_terms, most_degree)
            }
            "Add" | "Max" | "Mean" | "Min" | "Sub" | "Sum" => {
                (terms.fold(0, u64::saturating_add), most_degree)
            }
            "Mul" => (terms.fold(1, u64::saturating_mul), degrees.fold(0, u64::saturating_add)),
            // What is divided is kept as it is, beside the divisor.
            "Div" | "Mod" => {
                (terms.fold(0, u64::saturating_add), degrees.fold(0, u64::saturating_add))
            }
            "Pow" | "ReduceProd" => (most_terms.saturating_pow(4), most_degree.saturating_mul(4)),
            "ReduceSum" => (most_terms.saturating_mul(4), most_degree),
            _ => return None,
        };
        Some(if degree == 0 { Polynomial::CONSTANT } else { Polynomial { terms, degree } })
    }
}

/// Refuses arithmetic on sizes that would be multiplied out into too many terms.
pub(super) fn check_size_arithmetic(graph: &GraphProto) -> Result<()> {
    let stored = graph.initializer.iter().filter(|t| elements(&t.dims).is_some_and(|n| n <= 64));
    let mut known: HashMap<&str, Polynomial> =
        stored.map(|tensor| (tensor.name.as_str(), Polynomial::CONSTANT)).collect();
    for node in &graph.node {
        let given = node.input.iter().filter(|name| !name.is_empty());
        let made = match node.op_type.as_str() {
            "Constant" => Some(Polynomial::CONSTANT),
            "Shape" => Some(Polynomial::SIZE),
            "Size" => Some(Polynomial { terms: 1, degree: 4 }),
            operator => given
                .map(|name| known.get(name.as_str()).copied())
                .collect::<Option<Vec<_>>>()
                .and_then(|given| Polynomial::of(operator, &given)),
        };
        let Some(made) = made else { continue };
        if made.terms > MOST_TERMS || made.degree > MOST_DEGREE {
            let text = "sizes are multiplied with each other too often to be known before a run: fix the sizes of the inputs, or export the model again";
            return Err(fault(place(node), text));
        }
        known.extend(node.output.iter().map(|name| (name.as_str(), made)));
    }
    Ok(())
}

/// Operators that compute number by number: a tensor without numbers makes no sense to them, and the compiler reads its first.
const BY_NUMBER: &str = "Add Sub Mul Div Mod Pow Max Min Sum Mean And Or Xor Equal Less LessOrEqual Greater GreaterOrEqual \
    BitShift BitwiseAnd BitwiseOr BitwiseXor Where PRelu Clip";

/// Refuses arithmetic with stored tensors that hold no number, of which `empty` has those outside; says which outputs of
/// the graph are such tensors.
pub(super) fn check_empty<'a>(
    graph: &'a GraphProto,
    empty: &mut HashSet<&'a str>,
) -> Result<Vec<bool>> {
    let is_empty = |tensor: &TensorProto| elements(&tensor.dims) == Some(0);
    let mut own = vec![];
    let mut note = |name: &'a String, empty: &mut HashSet<&'a str>| {
        if empty.insert(name) {
            own.push(name.as_str());
        }
    };
    let stored = graph.initializer.iter().filter(|tensor| is_empty(tensor));
    stored.for_each(|tensor| note(&tensor.name, empty));
    for node in graph.node.iter().filter(|node| is_standard(node)) {
        for inner in node.attribute.iter().filter_map(|attribute| attribute.g.as_ref()) {
            let given = check_empty(inner, empty)?.into_iter();
            let named = node.output.iter().zip(given).filter(|(_, empty)| *empty);
            if node.op_type == "If" {
                named.for_each(|(name, _)| note(name, empty));
            }
        }
        let reads = node.input.iter().find(|name| empty.contains(name.as_str()));
        let constant = node.op_type == "Constant"
            && node
                .attribute
                .iter()
                .any(|a| a.name == "value" && a.t.as_ref().is_some_and(is_empty));
        let passes_on = ["Identity", "Cast", "CastLike", "Neg", "Abs"]
            .contains(&node.op_type.as_str())
            && node.input.first().is_some_and(|name| empty.contains(name.as_str()));
        if constant || passes_on {
            node.output.iter().for_each(|name| note(name, empty));
        } else if let Some(name) = reads
            && BY_NUMBER.split(' ').any(|op| op == node.op_type)
        {
            let text = format!(
                "`{}` reads `{}`, which holds no number: export the model again",
                node.op_type,
                shown(name)
            );
            return Err(fault(place(node), text));
        }
    }
    let given = graph.output.iter().map(|output| empty.contains(output.name.as_str())).collect();
    for name in own {
        empty.remove(name);
    }
    Ok(given)
}
