//! Laws of the engine on small hand-made graphs, nested gates included.

use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::{ArrayD, Axis};

use super::*;
use perforate_onnx::{GraphBuilder, Metadata, OPSET, Size, encode};

/// `y = 2x`, or if `x ≥ low`: `y = x + c`, or of those if `x ≥ high`: `y = −x`, where `c = 10` and
/// `x + c` is computed outside the gates, to be read by the branches.
fn nested() -> Vec<u8> {
    let shape = [Size::Rows, Size::Fixed(1)];
    let mut main = GraphBuilder::new("nested", OPSET);
    let x = main.input("x", &shape).unwrap();
    let low = main.knob("low", 1.0).unwrap();
    let high = main.knob("high", 2.0).unwrap();
    let c = main.constant("c", &[1], &[10.0]).unwrap();
    let moved = main.node("Add", "outer/moved", &[&x, &c]).unwrap();
    let unsure = main.node("GreaterOrEqual", "outer/decision", &[&x, &low]).unwrap();

    let mut then = main.branch("then");
    let sure = then.node("Less", "inner/decision", &[&high, &x]).unwrap();
    let mut deep = then.branch("deep");
    deep.node("Neg", "deep/neg", &[&x]).unwrap();
    deep.output("deep/neg", &shape).unwrap();
    let mut shallow = deep.branch("shallow");
    shallow.node("Identity", "shallow/kept", &[&moved]).unwrap();
    shallow.output("shallow/kept", &shape).unwrap();
    then.gate("inner", &sure, deep, shallow, &["inner/y"]).unwrap();
    then.output("inner/y", &shape).unwrap();

    let mut otherwise = then.branch("else");
    let two = otherwise.constant("two", &[1], &[2.0]).unwrap();
    otherwise.node("Mul", "cheap/double", &[&x, &two]).unwrap();
    otherwise.output("cheap/double", &shape).unwrap();
    main.gate("outer", &unsure, then, otherwise, &["y"]).unwrap();
    main.output("y", &shape).unwrap();
    let labels = BTreeMap::from([
        ("outer".to_string(), [String::new(), "cheap".to_string()]),
        ("inner".to_string(), ["deep".to_string(), "shallow".to_string()]),
    ]);
    let metadata = Metadata { labels, ..Metadata::default() };
    encode(&main.into_model(&metadata).unwrap())
}

fn column(values: &[f32]) -> Batch {
    let array = ArrayD::from_shape_vec(vec![values.len(), 1], values.to_vec()).unwrap();
    Batch::new().with("x", array)
}

fn session(bytes: &[u8]) -> Session {
    Session::new(Arc::new(Program::load("test.onnx", bytes).unwrap()))
}

#[test]
fn each_row_takes_its_own_path_through_nested_gates() {
    let mut session = session(&nested());
    let values = [0.5, 3.0, 1.5, 2.0, -4.0, 9.0];
    let expected = [1.0, -3.0, 11.5, 12.0, -8.0, -9.0];
    let paths = ["cheap", "deep", "shallow", "shallow", "cheap", "deep"];
    let segments: Vec<SegmentId> = session.program().segments().map(|one| one.id).collect();
    for order in [Order::RowByRow, Order::Compacted] {
        segments.iter().for_each(|&segment| session.set_order(segment, order));
        let outcome = session.run(&column(&values), &Knobs::new()).unwrap();
        assert_eq!(outcome.output("y").unwrap().iter().copied().collect::<Vec<_>>(), expected);
        let taken: Vec<String> =
            outcome.trace.rows.iter().map(|r| session.program().path_label(r.path)).collect();
        assert_eq!(taken, paths);
        assert_eq!(outcome.trace.scores[0], values);
        assert!(outcome.trace.scores[1][0].is_nan());
        assert_eq!(outcome.trace.scores[1][1], 3.0);
    }
}

#[test]
fn a_batch_equals_its_rows_and_the_trace_adds_up() {
    let mut session = session(&nested());
    let values: Vec<f32> = (0..32).map(|i| i as f32 * 0.2 - 2.0).collect();
    for n in [1, 7, 32] {
        let whole = session.run(&column(&values[..n]), &Knobs::new()).unwrap();
        for row in 0..n {
            let alone = session.run(&column(&values[row..=row]), &Knobs::new()).unwrap();
            let part = whole.output("y").unwrap().index_axis(Axis(0), row).to_owned();
            assert_eq!(part, alone.output("y").unwrap().index_axis(Axis(0), 0));
            assert_eq!(whole.trace.rows[row], alone.trace.rows[0]);
        }
        let sum: f64 = whole.trace.rows.iter().map(|r| r.work.macs.0).sum();
        assert_eq!(whole.trace.total_macs().0, sum);
    }
}

#[test]
fn knobs_move_the_gates_and_forced_paths_ignore_them() {
    let mut session = session(&nested());
    let never = Knobs::new().with("low", f32::MAX);
    let outcome = session.run(&column(&[3.0]), &never).unwrap();
    assert_eq!(outcome.first().unwrap()[[0, 0]], 6.0);
    let paths = session.program().paths().unwrap();
    assert_eq!(paths.len(), 3);
    let answers: Vec<f32> = paths
        .iter()
        .map(|&path| {
            let routing = Routing::Forced(path);
            session.run_with(&column(&[3.0]), &never, routing).unwrap().first().unwrap()[[0, 0]]
        })
        .collect();
    assert_eq!(answers, [-3.0, 13.0, 6.0]);
}

/// So many gates one behind the other, each adding one of two numbers to `x`.
fn gates_in_a_row(gates: usize) -> Program {
    let shape = [Size::Rows, Size::Fixed(1)];
    let mut main = GraphBuilder::new("row", OPSET);
    let mut x = main.input("x", &shape).unwrap();
    let threshold = main.knob("threshold", 0.5).unwrap();
    for gate in 0..gates {
        let name = format!("gate{gate}");
        let above = main.node("Greater", &format!("{name}/above"), &[&x, &threshold]).unwrap();
        let mut then = main.branch("then");
        then.node("Neg", &format!("{name}/neg"), &[&x]).unwrap();
        then.output(&format!("{name}/neg"), &shape).unwrap();
        let mut otherwise = then.branch("else");
        otherwise.node("Abs", &format!("{name}/abs"), &[&x]).unwrap();
        otherwise.output(&format!("{name}/abs"), &shape).unwrap();
        x = format!("{name}/y");
        main.gate(&name, &above, then, otherwise, &[&x]).unwrap();
    }
    main.output(&x, &shape).unwrap();
    let model = main.into_model(&Metadata::default()).unwrap();
    Program::from_proto(&PlanCache::default(), "row.onnx", &model, 0).unwrap()
}

#[test]
fn more_paths_than_can_be_listed_are_refused_before_they_are() {
    assert_eq!(gates_in_a_row(12).paths().unwrap().len(), MAX_PATHS);
    for gates in [13, MAX_GATES] {
        let error = gates_in_a_row(gates).paths().unwrap_err();
        assert_eq!(error.kind(), perforate_base::ErrorKind::Model);
        let text = error.to_string();
        let place = format!("row.onnx: its {gates} gates make more than 4096 paths");
        assert!(text.starts_with(&place), "{text}");
    }
}

#[test]
fn an_error_of_tract_stays_the_source() {
    let mut graph = GraphBuilder::new("g", OPSET);
    let x = graph.input("x", &[Size::Rows, Size::Fixed(2)]).unwrap();
    let three = graph.constant("three", &[3, 1], &[1.0, 2.0, 3.0]).unwrap();
    graph.node("MatMul", "product/odd", &[&x, &three]).unwrap();
    graph.output("product/odd", &[Size::Rows, Size::Fixed(1)]).unwrap();
    let bytes = encode(&graph.into_model(&Metadata::default()).unwrap());
    let error = Program::load("bad.onnx", &bytes).unwrap_err();
    let place = "bad.onnx: at `product/odd`: the operator `MatMul` cannot be compiled";
    assert!(error.to_string().starts_with(place), "{error}");
    assert!(std::error::Error::source(&error).is_some());
    let error = Program::load("bad.onnx", b"not a model").unwrap_err();
    assert!(std::error::Error::source(&error).is_some(), "prost's error");
}

#[test]
fn cost_is_charged_to_the_rows_that_cause_it() {
    let mut session = session(&nested());
    let outcome = session.run(&column(&[0.0, 3.0]), &Knobs::new()).unwrap();
    let [cheap, deep] = [&outcome.trace.rows[0], &outcome.trace.rows[1]];
    assert!(cheap.work.macs.0 > 0.0);
    assert_ne!(cheap.path, deep.path);
    assert_eq!(session.program().gates().len(), 2);
    assert_eq!(
        session.program().gates()[1].comparison,
        Some((Comparison::Greater, Some("high".into())))
    );
}

#[test]
fn bad_inputs_are_one_clear_sentence() {
    let mut session = session(&nested());
    let wide = Batch::new().with("x", ArrayD::<f32>::zeros(vec![2, 3]));
    let cases = [
        (session.run(&wide, &Knobs::new()), "[N, 1]"),
        (session.run(&column(&[1.0, f32::NAN]), &Knobs::new()), "row 1 holds NaN"),
        (session.run(&column(&[]), &Knobs::new()), "no rows"),
        (session.run(&Batch::new(), &Knobs::new()), "missing"),
        (session.run(&column(&[1.0]), &Knobs::new().with("hihg", 1.0)), "`low`, `high`"),
        (session.run(&column(&[1.0]), &Knobs::new().with("high", f32::NAN)), "not a number"),
        (
            session.run(&Batch::new().with("z", ArrayD::<f32>::zeros(vec![1, 1])), &Knobs::new()),
            "`x`",
        ),
    ];
    for (outcome, words) in cases {
        let text = outcome.expect_err(words).to_string();
        assert!(text.contains(words), "{text}");
        assert!(!text.contains('\n'));
    }
    assert!(session.run(&column(&[1.0]), &Knobs::new()).is_ok(), "the session goes on");
}

#[test]
fn bad_files_are_one_clear_sentence() {
    let good = nested();
    let unknown = {
        let mut graph = GraphBuilder::new("g", OPSET);
        let x = graph.input("x", &[Size::Rows, Size::Fixed(1)]).unwrap();
        graph.node("Frobnicate", "odd/node", &[&x]).unwrap();
        graph.output("odd/node", &[Size::Rows, Size::Fixed(1)]).unwrap();
        encode(&graph.into_model(&Metadata::default()).unwrap())
    };
    let cases: [(&[u8], perforate_base::ErrorKind, &str); 5] = [
        (b"", perforate_base::ErrorKind::NotOnnx, "empty"),
        (b"plain text, not a model", perforate_base::ErrorKind::NotOnnx, "not an ONNX model"),
        (&good[..good.len() / 2], perforate_base::ErrorKind::NotOnnx, "truncated"),
        (&[0u8; 64], perforate_base::ErrorKind::NotOnnx, "ONNX"),
        (
            &unknown,
            perforate_base::ErrorKind::UnsupportedOp,
            "`odd/node`: the operator `Frobnicate`",
        ),
    ];
    for (bytes, kind, words) in cases {
        let error = Program::load("bad.onnx", bytes).expect_err(words);
        assert_eq!(error.kind(), kind, "{error}");
        let text = error.to_string();
        assert!(text.starts_with("bad.onnx: ") && text.contains(words), "{text}");
    }
}

#[test]
fn programs_of_one_library_share_equal_segments_and_no_others() {
    let model = |slope: f32, name: &str| {
        let mut graph = GraphBuilder::new("line", OPSET);
        let x = graph.input("x", &[Size::Rows, Size::Fixed(2)]).unwrap();
        let slope = graph.constant(&format!("{name}/slope"), &[2], &[slope, slope]).unwrap();
        graph.node("Mul", &format!("{name}/y"), &[&x, &slope]).unwrap();
        graph.output(&format!("{name}/y"), &[Size::Rows, Size::Fixed(2)]).unwrap();
        encode(&graph.into_model(&Metadata::default()).unwrap())
    };
    let library = PlanCache::default();
    let load = |bytes: &[u8]| Arc::new(Program::load_with(&library, "line", bytes).unwrap());
    let [a, b, c] = [model(2.0, "a"), model(2.0, "b"), model(3.0, "a")].map(|m| load(&m));
    let plan = |program: &Program| Arc::as_ptr(program.segments[0].single().unwrap());
    assert_eq!(plan(&a), plan(&b), "the same but for the names");
    assert_ne!(plan(&a), plan(&c), "another slope");
    for (program, slope) in [(a, 2.0), (b, 2.0), (c, 3.0)] {
        let batch = Batch::new().with("x", ArrayD::from_elem(vec![3, 2], 1.0f32));
        let y = Session::new(program).run(&batch, &Knobs::new()).unwrap().first().unwrap();
        assert!(y.iter().all(|&v| v == slope));
    }
}
