//! Names of models, from those of their files.

/// The models' file names without folder and extension, and without the words that all begin with.
pub(super) fn short_names<'a>(files: impl Iterator<Item = &'a str>) -> Vec<String> {
    let stem = |path: &'a str| {
        let file = path.rsplit(['/', '\\']).next().unwrap_or_default();
        file.trim_end_matches(".onnx")
    };
    let names: Vec<&str> = files.map(stem).collect();
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
    fn names_lose_what_they_share() {
        let short = |names: &[&str]| short_names(names.iter().copied());
        let files = ["models/fashion-light.onnx", "models/fashion-full-int8.onnx"];
        assert_eq!(short(&files), ["light", "full-int8"]);
        assert_eq!(short(&["net-a-s", "net-a-l"]), ["s", "l"]);
        assert_eq!(short(&["small", "net-l"]), ["small", "net-l"]);
    }
}
