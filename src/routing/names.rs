//! Names of models, from those of their files.

/// Folder whose subfolders are data sets: a model in it takes its data set's name before its own.
const MODELS: &str = "models";

/// What a model is called: its file's name without folder and extension. A file of `models/<data set>/` takes the data
/// set along: `models/fashion/light.onnx` is `fashion-light`.
pub fn model_name(path: &str) -> String {
    let mut parts = path.rsplit(['/', '\\']);
    let stem = parts.next().unwrap_or_default().trim_end_matches(".onnx");
    match (parts.next(), parts.next()) {
        (Some(data), Some(MODELS)) => format!("{data}-{stem}"),
        _ => stem.to_string(),
    }
}

/// The models' names without the words that all begin with.
pub fn short_names<'a>(files: impl Iterator<Item = &'a str>) -> Vec<String> {
    let names: Vec<String> = files.map(model_name).collect();
    let first = |name: &str| name.split_once('-').map(|(word, _)| format!("{word}-"));
    let mut common = String::new();
    while let Some(word) = first(&names[0][common.len()..])
        && names.iter().all(|name| name[common.len()..].starts_with(&word))
    {
        common += &word;
    }
    names.iter().map(|name| name[common.len()..].to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_called_after_its_data_set_and_file() {
        assert_eq!(model_name("models/fashion/static-s.onnx"), "fashion-static-s");
        assert_eq!(model_name("/some/where/models/mnist/stage1.onnx"), "mnist-stage1");
        assert_eq!(model_name("models\\sentences\\dsn-plain.onnx"), "sentences-dsn-plain");
        assert_eq!(
            model_name("models/sentences/layer6 in eight bits"),
            "sentences-layer6 in eight bits"
        );
        assert_eq!(model_name("models/net.onnx"), "net");
        assert_eq!(model_name("mine/fashion/net.onnx"), "net");
        assert_eq!(model_name("net.onnx"), "net");
    }

    #[test]
    fn names_lose_what_they_share() {
        let short = |names: &[&str]| short_names(names.iter().copied());
        let files = ["models/fashion/light.onnx", "models/fashion/full-int8.onnx"];
        assert_eq!(short(&files), ["light", "full-int8"]);
        assert_eq!(short(&["light.onnx", "full-int8.onnx"]), ["light", "full-int8"]);
        assert_eq!(short(&["net-a-s", "net-a-l"]), ["s", "l"]);
        assert_eq!(short(&["small", "net-l"]), ["small", "net-l"]);
    }
}
