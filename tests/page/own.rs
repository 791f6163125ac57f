//! What visitors bring along: sentences, tables, models, data; and what is wrong with them.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use ndarray::ArrayD;
use perforate::bench::record::argmax;
use perforate::data::{images, npz};
use perforate::engine::{Batch, Knobs, Program, Session, to_array};
use perforate::onnx::{GraphBuilder, Metadata, OPSET, Size, encode};
use tract_onnx::pb::ModelProto;

use crate::common;
use crate::reading::*;
use crate::support::{Page, Setting, with, with_page, with_page_alone};

/// A sentence that is typed shows its way; what is wrong with one is said; and a table of one's own is measured.
#[test]
fn sentences_can_be_typed_and_brought_along() {
    let folder = tempfile::tempdir().expect("a folder for the tables");
    with_page_alone("sentences", &format!("{QUICK}&scenario=early-exit/sentences"), |page| {
        println!("navigation to first curve of the sentences: {:.0} ms", first_curve_ms(page));
        open_tab(page, "inside");
        page.wait_until("the inputs", PATIENCE, |page| page.is_visible("#typing"));
        let typed = |text: &str| {
            page.script(&format!(
                "document.querySelector('#typed').value = {};
                 document.querySelector('#typing').requestSubmit()",
                serde_json::to_string(text).unwrap()
            ));
        };
        typed("A wonderful film, moving and very funny.");
        page.wait_until("the way of the sentence", PATIENCE, |page| {
            content(page, "#story").contains("Your sentence, 9 tokens")
        });
        let story = content(page, "#story");
        assert!(story.contains("It answers positive"), "{story}");
        assert!(story.contains("skipped") || story.contains("nothing is skipped"), "{story}");
        typed(&"It is dull, and it is long. ".repeat(360));
        page.wait_until("the long sentence", PATIENCE, |page| {
            content(page, "#story")
                .contains("It is too long: the model reads the first 126 of its 3240 tokens")
        });
        typed("   ");
        page.wait_until("a word on the empty one", PATIENCE, |page| {
            page.text("#error").contains("type some words")
        });
        assert_is_one_sentence(&page.text("#error"));

        let table = folder.path().join("own.tsv");
        for (content, wanted) in
            [("1\tgood\nbad\n", "line 2"), ("1\t\u{1F600}\n", "0 samples for calibration")]
        {
            fs::write(&table, content).expect("a table in the folder");
            page.choose_file("#file", &table);
            page.wait_until("an error about the table", PATIENCE, |page| {
                page.text("#error").contains(wanted)
            });
            assert_is_one_sentence(&page.text("#error"));
        }
        let rows = (0..60).map(|row| match row % 3 {
            0 => "calibration\t1\ta good film\n",
            1 => "calibration\t0\ta bad film, and a long one\n",
            _ => "test\t1\tnot a bad film at all\n",
        });
        let table = folder.path().join("mine.tsv");
        fs::write(&table, format!("part\tlabel\tsentence\n{}", rows.collect::<String>())).unwrap();
        page.choose_file("#file", &table);
        page.wait_until("the table's curve", PATIENCE, |page| {
            measured(page) > 0 && content(page, "#table caption").contains("mine.tsv")
        });
    });
}

/// A plain classifier and some inputs become a routed model, with its curve and what was tried.
#[test]
fn a_model_gets_exits_and_is_measured() {
    let folder = tempfile::tempdir().expect("a folder for the files");
    let file = |name: &str, bytes: &[u8]| -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("a file in the folder");
        path
    };
    let model = file("network.onnx", &common::read("models/fashion/full.onnx"));
    let all = "models/data/fashion-mnist/t10k-images-idx3-ubyte.gz";
    let pixels = images::read_images(all, &common::read(all)).expect("the images");
    let some = Batch::new().with("x", pixels).slice(0..700).expect("rows");
    let x = to_array::<f32>(some.get("x").expect("x")).expect("an array");
    let inputs = file("garments.npz", &npz::write(&[("images", &x)]).expect("an archive"));
    with_page("own-model", QUICK, |page| {
        wait_for_sweep(page);
        assert!(!page.is_visible("#route-newest"), "there is nothing to find exits for yet");
        page.choose_file("#file", &model);
        page.wait_until("the model", PATIENCE, |page| {
            content(page, "#own").contains("network.onnx")
        });
        page.choose_file("#file", &inputs);
        page.wait_until("the inputs", PATIENCE, |page| {
            content(page, "#own").contains("garments.npz")
        });
        page.click("#route-newest");
        page.wait_until("the search", PATIENCE, |page| state(page) == "measuring");
        page.wait_until("its curve", PATIENCE, |page| {
            page.text("#title-text") == "Your own model" && measured(page) > 0
        });
        wait_for_sweep(page);
        table_is_sane(page);
        canvases_are_drawn(page);
        figures_stand_in_the_selected_row(page);
        // Once more, in a fresh worker: it has model and inputs again.
        open_tab(page, "yours");
        page.click("#route-newest");
        page.wait_until("the search once more", PATIENCE, |page| state(page) == "measuring");
        wait_for_sweep(page);
        let about = content(page, "#about");
        assert!(about.contains("garments.npz"), "{about}");
        let tried =
            page.number("return document.querySelectorAll('#section-exits tbody tr').length");
        assert!(tried >= 4.0, "{tried} exits were tried");
        let finding = content(page, "#section-exits .findings");
        assert!(finding.contains("places for an exit were tried"), "{finding}");
        println!("memory {:.0} MB", memory(page) / 1e6);
        assert!(memory(page) < 1e9, "{} bytes", memory(page));
        // A link cannot hold the model, and says so.
        page.reload();
        wait_for_curve(page);
        page.visit("?quick&scenario=own/early-exit");
        wait_for_curve(page);
        assert!(
            content(page, "#warnings").contains("drop it again"),
            "{}",
            content(page, "#warnings")
        );
    });
}

/// Bytes that the measuring worker has taken, which it never gives back.
fn memory(page: &Page) -> f64 {
    page.number("return Number(document.documentElement.dataset.memory)")
}

/// Folders of pictures are labelled inputs, by a form that is read off the model; two models become a cascade.
#[test]
fn pictures_become_inputs_and_models_a_pool() {
    let folder = tempfile::tempdir().expect("a folder for the files");
    let names = [
        "models/data/fashion-mnist/t10k-images-idx3-ubyte.gz",
        "models/data/fashion-mnist/t10k-labels-idx1-ubyte.gz",
    ];
    let pixels = images::read_images(names[0], &common::read(names[0])).expect("the images");
    let labels = images::read_labels(names[1], &common::read(names[1])).expect("the labels");
    let pictures = folder.path().join("garments");
    for row in 0..400 {
        let class = pictures.join(labels[row].to_string());
        fs::create_dir_all(&class).expect("a folder for a class");
        let grey =
            |x: u32, y: u32| (255.0 * pixels[[row, 0, y as usize, x as usize]]).round() as u8;
        let image = image::GrayImage::from_fn(28, 28, |x, y| image::Luma([grey(x, y)]));
        image.save(class.join(format!("{row}.png"))).expect("a picture");
    }
    fs::write(pictures.join("notes.txt"), "not a picture").expect("a file");
    let set = |page: &Page, field: &str, value: &str| {
        page.script(&format!(
            "document.querySelector('#pictures').elements.{field}.value = '{value}'"
        ));
    };
    with_page("pictures", QUICK, |page| {
        wait_for_sweep(page);
        page.choose_file(
            "#file",
            &pictures.join("0").read_dir().unwrap().next().unwrap().unwrap().path(),
        );
        page.wait_until("word that a model must come first", PATIENCE, |page| {
            page.text("#error").contains("choose an .onnx file first")
        });
        for model in ["models/fashion/light.onnx", "models/fashion/static-s.onnx"] {
            let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(model);
            page.choose_file("#file", &file);
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            page.wait_until(model, PATIENCE, |page| content(page, "#own").contains(&name));
        }
        let details = content(page, "#own-details");
        assert!(
            details.contains("float32 [N, 1, 28, 28]") && details.contains("behind `"),
            "{details}"
        );
        assert_eq!(page.number("return document.querySelectorAll('#own-models li').length"), 2.0);

        page.choose_file("#folder", &pictures);
        page.wait_until("the form", PATIENCE, |page| page.is_visible("#pictures"));
        assert!(
            content(page, "#pictures-count").starts_with("400 pictures"),
            "{}",
            content(page, "#pictures-count")
        );
        let value = |field: &str| {
            page.script(&format!(
                "return document.querySelector('#pictures').elements.{field}.value"
            ))
        };
        assert_eq!((value("width"), value("layout")), ("28".into(), "nchw".into()));
        set(page, "deviation", "0");
        page.click("#pictures button");
        page.wait_until("word on the deviation", PATIENCE, |page| {
            page.text("#error").contains("deviation")
        });
        assert_is_one_sentence(&page.text("#error"));
        assert!(measured(page) > 0, "the results are still there");

        assert!(page.is_visible("#pictures"), "the form is still there");
        set(page, "deviation", "1");
        page.click("#pictures button");
        page.wait_until("the inputs", PATIENCE, |page| {
            content(page, "#own").contains("pictures.npz: 400 rows, labels")
        });
        page.click("#route-all");
        page.wait_until("its curve", PATIENCE, |page| {
            page.text("#title-text") == "Your own models" && measured(page) > 0
        });
        wait_for_sweep(page);
        table_is_sane(page);
        figures_stand_in_the_selected_row(page);
        let finding = content(page, "#section-exits .findings");
        assert!(finding.contains("light.onnx at "), "{finding}");
        // Trained on such pictures, the larger model answers most of them rightly: they were read as they should be.
        let accuracy = page.number("return parseFloat([...document.querySelectorAll('#figures > div')].find(f => f.children[0].textContent === 'Accuracy').children[1].textContent)");
        assert!(accuracy > 85.0, "{accuracy} %");
        let code = page
            .script("return document.querySelector('#usage [data-language=Python]').textContent");
        assert!(code.as_str().unwrap().contains("\"perforate-own-pool.onnx\""), "{code}");
        println!("memory {:.0} MB", memory(page) / 1e6);
    });
}

#[test]
fn bad_files_are_one_sentence_and_the_page_goes_on() {
    let folder = tempfile::tempdir().expect("a folder for the files");
    let good = encode(&model("Relu"));
    let bad: [(&str, Vec<u8>, &[&str]); 4] = [
        ("corrupt.onnx", b"this is not a protobuf of ONNX".to_vec(), &["corrupt.onnx"]),
        ("truncated.onnx", good[..good.len() / 2].to_vec(), &["truncated.onnx"]),
        ("empty.onnx", Vec::new(), &["empty.onnx"]),
        ("unknown.onnx", encode(&model("Frobnicate")), &["unknown.onnx", "Frobnicate"]),
    ];
    with_page("bad-files", QUICK, |page| {
        wait_for_sweep(page);
        let mut last = String::new();
        for (name, bytes, must_name) in &bad {
            let file: PathBuf = folder.path().join(name);
            fs::write(&file, bytes).expect("a file in the folder");
            page.choose_file("#file", &file);
            page.wait_until(&format!("an error about {name}"), PATIENCE, |page| {
                state(page) == "error" && page.text("#error") != last
            });
            last = page.text("#error");
            println!("{name}: {last}");
            assert_is_one_sentence(&last);
            for word in *must_name {
                assert!(last.contains(word), "{name}: {word} is not named in: {last}");
            }
        }

        // Nothing of a file that is too large is read: this one is all holes.
        let file = folder.path().join("huge.onnx");
        fs::File::create(&file).and_then(|huge| huge.set_len(2 << 30)).expect("a large file");
        page.choose_file("#file", &file);
        page.wait_until("an error about huge.onnx", PATIENCE, |page| {
            page.text("#error").contains("huge.onnx")
        });
        let text = page.text("#error");
        assert_is_one_sentence(&text);
        assert!(text.contains("2.1 GB") && text.contains("command line"), "{text}");
        assert!(measured(page) > 0, "the results are still there");

        let file = folder.path().join("good.onnx");
        fs::write(&file, &good).expect("a file in the folder");
        page.choose_file("#file", &file);
        page.wait_until("a plain model to be measured", PATIENCE, |page| {
            state(page) == "idle" && !page.is_visible("#error")
        });

        open(page, "dendritic/mlp");
        assert!(!page.is_visible("#error"), "{}", page.text("#error"));
        table_is_sane(page);
    });
}

#[test]
fn data_that_do_not_fit_are_one_sentence_and_the_page_goes_on() {
    let folder = tempfile::tempdir().expect("a folder for the files");
    let file = |name: &str, bytes: &[u8]| -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("a file in the folder");
        path
    };
    let array = |width: usize, value: f32| {
        npz::write(&[("x", &ArrayD::from_elem(vec![3, width], value))]).expect("an archive")
    };
    let bad: [(&str, Vec<u8>, &[&str]); 7] = [
        ("wide.npz", array(17, 1.0), &["wide.npz", "`x`", "[3, 17]", "[N, 16]"]),
        ("nan.npz", array(16, f32::NAN), &["nan.npz", "`x`", "row 0", "NaN"]),
        ("text.npz", b"1, 2, 3".to_vec(), &["text.npz"]),
        ("nothing.npz", vec![], &["nothing.npz"]),
        ("cut.npz", array(16, 1.0)[..60].to_vec(), &["cut.npz"]),
        (
            "none.npz",
            npz::write(&[("x", &ArrayD::<f32>::zeros(vec![0, 16]))]).expect("an archive"),
            &["none.npz", "`x`"],
        ),
        ("notes.txt", b"not for this page".to_vec(), &["notes.txt", ".onnx"]),
    ];
    with_page("bad-data", QUICK, |page| {
        wait_for_sweep(page);
        page.choose_file("#file", &file("early.npz", &array(16, 1.0)));
        page.wait_until("word that a model must come first", PATIENCE, |page| {
            page.text("#error").contains(".onnx")
        });
        page.choose_file("#file", &file("relu.onnx", &encode(&model("Relu"))));
        page.wait_until("the model", PATIENCE, |page| page.text("#status").contains("relu.onnx"));
        for (name, bytes, must_name) in &bad {
            page.choose_file("#file", &file(name, bytes));
            page.wait_until(&format!("an error about {name}"), PATIENCE, |page| {
                state(page) == "error" && page.text("#error").contains(name)
            });
            let text = page.text("#error");
            println!("{name}: {text}");
            assert_is_one_sentence(&text);
            for word in *must_name {
                assert!(text.contains(word), "{name}: {word} is not named in: {text}");
            }
        }
        page.choose_file("#file", &file("good.npz", &array(16, 1.0)));
        page.wait_until("the run", PATIENCE, |page| page.text("#status").contains("3 rows"));
        assert!(!page.is_visible("#error"), "{}", page.text("#error"));
        open(page, "dendritic/mlp");
        table_is_sane(page);
    });
}

/// Test images that both are asked about, unless the variable `PERFORATE_WHOLE` is 1: then all that are shipped.
const SOME: usize = 500;

/// The shipped test images through the routed model, here and in the page.
#[test]
fn the_page_answers_like_the_native_program() {
    const ROWS: usize = 500;
    const THRESHOLD: f32 = 0.05;
    let folder = tempfile::tempdir().expect("a folder for the files");
    let routed = encode(&common::dendritic_fashion(THRESHOLD));
    fs::write(folder.path().join("routed.onnx"), &routed).expect("the model");
    let file = "models/data/fashion-mnist/t10k-images-idx3-ubyte.gz";
    let all =
        Batch::new().with("x", images::read_images(file, &common::read(file)).expect("the images"));
    let whole = std::env::var("PERFORATE_WHOLE").is_ok_and(|value| value == "1");
    let count = if whole { all.rows() } else { SOME };
    let program = Arc::new(Program::load("routed.onnx", &routed).expect("the model"));
    let mut session = Session::new(program);
    let folders = [folder.path()];
    let setting = Setting { name: "parity", query: QUICK, folders: &folders, ..Setting::default() };
    with(setting, |page, _| {
        wait_for_sweep(page);
        let (mut worst, mut compared) = (0f32, 0);
        for from in (0..count).step_by(ROWS) {
            let rows = all.slice(from..(from + ROWS).min(count)).expect("rows");
            let x = to_array::<f32>(rows.get("x").expect("x")).expect("an array");
            let archive = npz::write(&[("x", &x)]).expect("an archive");
            fs::write(folder.path().join("images.npz"), archive).expect("the images");
            let theirs = run_in_page(page, THRESHOLD);
            let ours = session.run(&rows, &Knobs::new()).expect("a run").first().expect("logits");
            assert_eq!(ours.shape(), theirs.shape());
            for (row, (a, b)) in ours.rows().into_iter().zip(theirs.rows()).enumerate() {
                let [a, b] = [a, b].map(|row| row.to_vec());
                let apart = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                worst = worst.max(apart);
                assert!(apart <= 1e-4, "image {}: {a:?} here, {b:?} in the page", from + row);
                assert_eq!(argmax(&a), argmax(&b), "image {}", from + row);
                compared += 1;
            }
        }
        println!("{compared} images: logits at most {worst:e} apart");
        assert_eq!(compared, if whole { 10_000 } else { SOME });
    });
}

/// Runs `routed.onnx` on `images.npz`, both beside the page, and returns its first output.
#[track_caller]
fn run_in_page(page: &Page, threshold: f32) -> ArrayD<f32> {
    let bytes = page.script(&format!(
        "return (async () => {{
           const {{ Lab }} = await import(new URL('perforate-web.js', document.baseURI).href);
           const lab = new Lab();
           for (const name of ['routed.onnx', 'images.npz']) {{
             const response = await fetch(name, {{ cache: 'no-store' }});
             const bytes = new Uint8Array(await response.arrayBuffer());
             const events = lab.command({{ type: 'file', name, knobs: {{ threshold: {threshold} }}, again: false }});
             events.push(...lab.supply(name, bytes));
             for (const event of events) if (event.type === 'error') throw new Error(event.message);
           }}
           return [...lab.outputs()];
         }})()"
    ));
    let bytes: Vec<u8> = serde_json::from_value(bytes).expect("bytes");
    let outputs = npz::read("outputs.npz", &bytes, "logits").expect("an archive");
    to_array::<f32>(outputs.get("logits").expect("logits")).expect("an array")
}

/// One operator between an input and an output of 16 numbers a row.
fn model(op: &str) -> ModelProto {
    let shape = [Size::Rows, Size::Fixed(16)];
    let mut graph = GraphBuilder::new("tiny", OPSET);
    graph.input("x", &shape).expect("an input");
    graph.node(op, "y", &["x"]).expect("a node");
    graph.output("y", &shape).expect("an output");
    graph.into_model(&Metadata::default()).expect("a model of one node")
}
