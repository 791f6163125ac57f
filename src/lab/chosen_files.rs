//! What becomes of the files that a user chooses or drops on the page: which are read, in what order, and why not.

use serde::{Deserialize, Serialize};

/// Largest file in bytes. A model is held several times over while it is compiled, and WebAssembly addresses four
/// gigabytes.
const LARGEST: f64 = 500e6;
const MODELS: &[&str] = &[".onnx"];
const TABLES: &[&str] = &[".tsv", ".tsv.gz"];
const INPUTS: &[&str] = &[".npy", ".npz", ".csv"];
const REPORTS: &[&str] = &[".json"];
const PICTURES: &[&str] = &[".png", ".jpg", ".jpeg"];

/// A file that was chosen or dropped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct ChosenFile {
    /// In the folder that was chosen, or its name alone.
    pub path: String,
    /// In bytes.
    pub size: f64,
}

/// Positions in the list of chosen files.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct SortedFiles {
    /// What is read, models first.
    pub send: Vec<usize>,
    /// Pictures, which wait for their form.
    pub pictures: Vec<usize>,
    /// Reports of other devices.
    pub reports: Vec<usize>,
    /// What is read once more when the page is asked to measure again.
    pub again: Option<usize>,
    /// What cannot be used, in a sentence.
    pub fault: Option<String>,
}

fn ends_with(path: &str, endings: &[&str]) -> bool {
    let path = path.to_lowercase();
    endings.iter().any(|ending| path.ends_with(ending))
}

/// Sorts files; `reads_pictures` is whether a model is there that reads some.
pub fn sort(files: &[ChosenFile], reads_pictures: bool) -> SortedFiles {
    let of = |endings: &'static [&'static str]| {
        let fits = move |&ix: &usize| ends_with(&files[ix].path, endings);
        (0..files.len()).filter(fits)
    };
    let mut sorted = SortedFiles {
        pictures: of(PICTURES).collect(),
        reports: of(REPORTS).collect(),
        ..SortedFiles::default()
    };
    let others = (0..files.len())
        .filter(|&ix| ends_with(&files[ix].path, INPUTS) || ends_with(&files[ix].path, TABLES));
    for ix in of(MODELS).chain(others) {
        let ChosenFile { path, size } = &files[ix];
        if *size > LARGEST {
            let [gigabytes, megabytes] = [size / 1e9, LARGEST / 1e6];
            sorted.fault = Some(format!(
                "\"{path}\" has {gigabytes:.1}\u{a0}GB, and the page takes files up to {megabytes:.0}\u{a0}MB: measure it with the command line."
            ));
            continue;
        }
        sorted.send.push(ix);
        // A model is looked at once more; a table stays with its scenario.
        sorted.again = (!ends_with(path, TABLES)).then_some(ix);
    }
    let model_comes = of(MODELS).next().is_some();
    if let Some(&ix) = sorted.pictures.first()
        && !reads_pictures
        && !model_comes
    {
        sorted.fault = Some(format!(
            "\"{}\" is a picture, and there is no model yet that reads one: choose an .onnx file first.",
            files[ix].path
        ));
    }
    let nothing = sorted.send.is_empty() && sorted.pictures.is_empty() && sorted.reports.is_empty();
    if let (Some(first), true, None) = (files.first(), nothing, &sorted.fault) {
        sorted.fault = Some(format!(
            "\"{}\" is neither an .onnx model nor an .npy, .npz, .csv or .tsv file of inputs, nor a .png or .jpeg picture, nor a .json report.",
            first.path
        ));
    }
    sorted
}

/// That the browser could not read a file, and why.
pub fn unreadable(name: &str, reason: &str) -> String {
    format!("\"{name}\" could not be read: {reason}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(paths: &[&str], reads_pictures: bool) -> SortedFiles {
        let file = |path: &&str| ChosenFile { path: path.to_string(), size: 1e3 };
        sort(&paths.iter().map(file).collect::<Vec<_>>(), reads_pictures)
    }

    #[test]
    fn models_come_first_and_tables_are_not_looked_at_again() {
        let found = sorted(&["rows.npz", "Net.ONNX", "notes.txt", "mine.tsv.gz"], false);
        assert_eq!((found.send, found.again, found.fault), (vec![1, 0, 3], None, None));
        let found = sorted(&["rows.csv", "net.onnx"], false);
        assert_eq!((found.send, found.again), (vec![1, 0], Some(0)));
    }

    #[test]
    fn pictures_need_a_model_that_reads_some() {
        let found = sorted(&["a/1.PNG", "a/2.jpg"], true);
        assert_eq!((found.pictures, found.fault), (vec![0, 1], None));
        assert_eq!(sorted(&["1.png", "net.onnx"], false).fault, None);
        let fault = sorted(&["1.png"], false).fault.unwrap();
        assert!(fault.starts_with("\"1.png\" is a picture"), "{fault}");
    }

    #[test]
    fn what_the_page_cannot_use_is_said() {
        let fault = sorted(&["notes.txt"], false).fault.unwrap();
        assert!(fault.starts_with("\"notes.txt\" is neither an .onnx model"), "{fault}");
        assert_eq!(sorted(&[], false), SortedFiles::default());

        let huge = ChosenFile { path: "huge.onnx".into(), size: 2.1e9 };
        let small = ChosenFile { path: "small.onnx".into(), size: 1.0 };
        let found = sort(&[huge, small], false);
        assert_eq!((found.send, found.again), (vec![1], Some(1)));
        let fault = found.fault.unwrap();
        assert!(fault.contains("2.1\u{a0}GB") && fault.contains("500\u{a0}MB"), "{fault}");
    }
}
