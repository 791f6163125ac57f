//! How to run a routed file elsewhere: a few lines for ONNX Runtime, with the file's own names, that work as they stand.

use perforate_base::Named;
use tract_onnx::prelude::DatumType;

use perforate_engine::{InputInfo, KnobInfo, Program};
use perforate_onnx::functions::DYNAMIC_INT8_MATMUL;

/// A size where the file leaves it open.
const ANY: usize = 16;

/// A language that ONNX Runtime is used from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Python, with `onnxruntime`.
    Python,
    /// JavaScript, with `onnxruntime-web`.
    Javascript,
}

impl Named for Language {
    const ALL: &'static [Language] = &[Language::Python, Language::Javascript];

    fn name(&self) -> &'static str {
        match self {
            Language::Python => "python",
            Language::Javascript => "javascript",
        }
    }
}

/// ONNX Runtime's fastest kernels for products in eight bits saturate on x86 processors without VNNI.
const EXACT_PRODUCTS: &str = "# Exact products in eight bits on every x86 processor. One with VNNI is exact without this line, and faster.\noptions.add_session_config_entry(\"session.x64quantprecision\", \"1\")\n";

fn has_products_in_eight_bits(program: &Program) -> bool {
    let mut segments = program.segments();
    segments.any(|own| own.operators.iter().any(|operator| operator == DYNAMIC_INT8_MATMUL))
}

/// The lines for the file that is called `file`.
pub fn usage(language: Language, file: &str, program: &Program) -> String {
    match language {
        Language::Python => python(file, program),
        Language::Javascript => javascript(file, program),
    }
}

fn python(file: &str, program: &Program) -> String {
    let feeds: String = program
        .inputs()
        .iter()
        .map(|input| {
            let sizes: Vec<String> = sizes(input).iter().map(usize::to_string).collect();
            let (name, kind) = (quoted(&input.name), numpy(input.datum_type));
            format!(
                "    {name}: np.zeros(({},), dtype=np.{kind}),  # your row here\n",
                sizes.join(", ")
            )
        })
        .collect();
    let knobs: String = program
        .knobs()
        .iter()
        .map(|knob| {
            let value = number(knob);
            let (comment, note) = match knob.is_required {
                false => ("# ", "  # unless given, the file's own value"),
                true => ("", ""),
            };
            let name = quoted(&knob.name);
            format!("    {comment}{name}: np.array({value}, dtype=np.float32),{note}\n")
        })
        .collect();
    let output = quoted(program.outputs().first().map_or("", String::as_str));
    let exact = match has_products_in_eight_bits(program) {
        true => EXACT_PRODUCTS,
        false => "",
    };
    format!(
        "# pip install onnxruntime numpy\nimport numpy as np\nimport onnxruntime as ort\n\noptions = ort.SessionOptions()\n{exact}session = ort.InferenceSession({}, options, providers=[\"CPUExecutionProvider\"])\nfeeds = {{\n{feeds}{knobs}}}\n(output,) = session.run([{output}], feeds)  # one row a run: each takes its own path\nprint(output.shape, output)\n",
        quoted(file),
    )
}

fn javascript(file: &str, program: &Program) -> String {
    let feeds: String = program
        .inputs()
        .iter()
        .map(|input| {
            let sizes: Vec<String> = sizes(input).iter().map(usize::to_string).collect();
            let (kind, array) = typed(input.datum_type);
            format!(
                "  {}: new ort.Tensor(\"{kind}\", new {array}({}), [{}]), // your row here\n",
                quoted(&input.name),
                sizes.join(" * "),
                sizes.join(", ")
            )
        })
        .collect();
    let open = program.knobs().iter().filter(|knob| knob.is_required);
    let open: String = open
        .map(|knob| {
            format!(
                "  {}: new ort.Tensor(\"float32\", [{}], []),\n",
                quoted(&knob.name),
                number(knob)
            )
        })
        .collect();
    let set: Vec<String> = program
        .knobs()
        .iter()
        .filter(|knob| !knob.is_required)
        .map(|knob| knob.name.clone())
        .collect();
    let note = match set.is_empty() {
        true => String::new(),
        false => format!(
            "// {} keeps the file's own value: onnxruntime-web accepts no other. A file written with `--knob input` lets you set it.\n",
            set.join(", ")
        ),
    };
    let output = quoted(program.outputs().first().map_or("", String::as_str));
    format!(
        "// npm install onnxruntime-web\nimport * as ort from \"onnxruntime-web\";\n\n{note}const session = await ort.InferenceSession.create({});\nconst feeds = {{\n{feeds}{open}}};\nconst outputs = await session.run(feeds); // one row a run: each takes its own path\nconsole.log(outputs[{output}].dims, outputs[{output}].data);\n",
        quoted(file)
    )
}

/// One row.
fn sizes(input: &InputInfo) -> Vec<usize> {
    std::iter::once(1).chain(input.row_shape.iter().map(|size| size.unwrap_or(ANY))).collect()
}

fn number(knob: &KnobInfo) -> String {
    knob.default.unwrap_or_default().to_string()
}

/// A string that both languages read: JSON's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn numpy(kind: DatumType) -> &'static str {
    match kind {
        DatumType::F64 => "float64",
        DatumType::F16 => "float16",
        DatumType::I32 => "int32",
        DatumType::I64 | DatumType::TDim => "int64",
        DatumType::U8 => "uint8",
        DatumType::I8 => "int8",
        DatumType::Bool => "bool_",
        _ => "float32",
    }
}

fn typed(kind: DatumType) -> (&'static str, &'static str) {
    match kind {
        DatumType::F64 => ("float64", "Float64Array"),
        DatumType::F16 => ("float16", "Uint16Array"),
        DatumType::I32 => ("int32", "Int32Array"),
        DatumType::I64 | DatumType::TDim => ("int64", "BigInt64Array"),
        DatumType::U8 => ("uint8", "Uint8Array"),
        DatumType::I8 => ("int8", "Int8Array"),
        DatumType::Bool => ("bool", "Uint8Array"),
        _ => ("float32", "Float32Array"),
    }
}
