//! The user's pictures as rows of a model's input: scaled, cropped, normalised, in the layout that the model reads.

use std::collections::BTreeSet;

use ndarray::{Array1, ArrayD, IxDyn};
use serde::{Deserialize, Serialize};

use perforate_base::{Error, ErrorKind, Named, Result};
use perforate_engine::Program;

use super::npz;

/// Largest side that a form may ask for.
const LARGEST_SIDE: usize = 4096;
/// Most numbers in all rows together: 400 MB as f32, which a page holds twice for a moment.
const MOST_NUMBERS: usize = 100 << 20;
/// A side where the model leaves it open.
const USUAL_SIDE: usize = 224;
/// Weights of red, green and blue in brightness (ITU-R BT.601).
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// The order of the axes behind the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Channels, height, width.
    Nchw,
    /// Height, width, channels.
    Nhwc,
}

impl Named for Layout {
    const ALL: &'static [Layout] = &[Layout::Nchw, Layout::Nhwc];

    fn name(&self) -> &'static str {
        match self {
            Layout::Nchw => "nchw",
            Layout::Nhwc => "nhwc",
        }
    }
}

/// How a picture becomes a row: `(pixel · scale − mean) / deviation`, pixels from 0 to 255.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Form {
    /// Pixels in a line.
    pub width: usize,
    /// Lines.
    pub height: usize,
    /// 1, brightness, or 3, red, green, blue.
    pub channels: usize,
    /// Order of the axes.
    pub layout: Layout,
    /// Factor of every pixel.
    pub scale: f32,
    /// Taken off each channel; one value stands for all.
    pub mean: Vec<f32>,
    /// Divides each channel; one value stands for all.
    pub deviation: Vec<f32>,
}

impl Form {
    /// As the model's input has it, pixels from 0 to 1; an error says why pictures do not fit.
    pub fn of(program: &Program) -> Result<Form> {
        let fault = |text: &str| Error::new(ErrorKind::Data, text).at(program.name());
        let [input] = program.inputs() else {
            return Err(fault(
                "it reads several inputs, so pictures alone do not do: bring an .npz file",
            ));
        };
        let channels = |size: Option<usize>| size.filter(|size| [1, 3].contains(size));
        let (layout, channels, height, width) = match input.row_shape[..] {
            [c, h, w] if channels(c).is_some() => (Layout::Nchw, c, h, w),
            [h, w, c] if channels(c).is_some() => (Layout::Nhwc, c, h, w),
            _ => {
                return Err(fault(
                    "its input is no picture of one or three channels: bring an .npz, .npy or .csv file",
                ));
            }
        };
        Ok(Form {
            width: width.unwrap_or(USUAL_SIDE),
            height: height.unwrap_or(USUAL_SIDE),
            channels: channels.unwrap_or(3),
            layout,
            scale: 1.0 / 255.0,
            mean: vec![0.0],
            deviation: vec![1.0],
        })
    }

    /// Refuses what no row can be made with, naming the field.
    pub fn validate(&self) -> Result<()> {
        let fault = |field: &str, text: String| {
            Err(Error::new(ErrorKind::Config, text).at("pictures").node(field))
        };
        for (field, side) in [("width", self.width), ("height", self.height)] {
            if !(1..=LARGEST_SIDE).contains(&side) {
                return fault(field, format!("{side} must lie in 1…{LARGEST_SIDE}"));
            }
        }
        if ![1, 3].contains(&self.channels) {
            return fault("channels", format!("{} must be 1 or 3", self.channels));
        }
        for (field, values) in [("mean", &self.mean), ("deviation", &self.deviation)] {
            let fits = [1, self.channels].contains(&values.len());
            if !fits || values.iter().any(|value| !value.is_finite()) {
                let text = format!("one number is wanted, or {}, one a channel", self.channels);
                return fault(field, text);
            }
        }
        if self.deviation.contains(&0.0) {
            return fault("deviation", "nothing can be divided by 0".into());
        }
        if !self.scale.is_finite() || self.scale == 0.0 {
            return fault("scale", format!("{} is no factor for a pixel", self.scale));
        }
        Ok(())
    }

    /// The row of a picture: its middle, as large as the shape allows, scaled down or up.
    fn row(&self, picture: &Pixels) -> Vec<f32> {
        let (w, h) = (picture.width as f32, picture.height as f32);
        // One step for both axes: nothing is stretched, what is left over is cut off on both sides.
        let step = (w / self.width as f32).min(h / self.height as f32);
        let start = |side: f32, wanted: usize| (side - step * wanted as f32) / 2.0;
        let columns = taps(self.width, picture.width, start(w, self.width), step);
        let lines = taps(self.height, picture.height, start(h, self.height), step);
        let mut row = vec![0.0; self.channels * self.height * self.width];
        // Lines first get narrow; then they are mixed.
        let mut narrow = vec![[0f32; 3]; picture.height * self.width];
        for (y, line) in narrow.chunks_mut(self.width).enumerate() {
            for (pixel, taps) in line.iter_mut().zip(&columns) {
                for &(x, weight) in taps {
                    let colour = picture.at(x, y);
                    (0..3).for_each(|c| pixel[c] += weight * colour[c]);
                }
            }
        }
        for (y, taps) in lines.iter().enumerate() {
            for x in 0..self.width {
                let mut colour = [0f32; 3];
                for &(line, weight) in taps {
                    let pixel = narrow[line * self.width + x];
                    (0..3).for_each(|c| colour[c] += weight * pixel[c]);
                }
                for channel in 0..self.channels {
                    let value = match self.channels {
                        1 => colour.iter().zip(LUMA).map(|(value, weight)| value * weight).sum(),
                        _ => colour[channel],
                    };
                    let of = |values: &[f32]| values[channel.min(values.len() - 1)];
                    let place = match self.layout {
                        Layout::Nchw => (channel * self.height + y) * self.width + x,
                        Layout::Nhwc => (y * self.width + x) * self.channels + channel,
                    };
                    row[place] = (value * self.scale - of(&self.mean)) / of(&self.deviation);
                }
            }
        }
        row
    }

    /// The shape of so many rows.
    fn shape(&self, rows: usize) -> [usize; 4] {
        match self.layout {
            Layout::Nchw => [rows, self.channels, self.height, self.width],
            Layout::Nhwc => [rows, self.height, self.width, self.channels],
        }
    }
}

/// For each of `count` places along an axis, which of `side` pixels it is mixed from, and how: a triangle as wide as
/// what one place stands for, so that nothing between is overlooked.
fn taps(count: usize, side: usize, start: f32, step: f32) -> Vec<Vec<(usize, f32)>> {
    let reach = step.max(1.0);
    (0..count)
        .map(|place| {
            let centre = start + (place as f32 + 0.5) * step - 0.5;
            let first = (centre - reach).ceil().max(0.0) as usize;
            let last = ((centre + reach).floor().max(0.0) as usize).min(side - 1);
            let mut taps: Vec<(usize, f32)> = (first.min(side - 1)..=last)
                .map(|at| (at, (1.0 - (at as f32 - centre).abs() / reach).max(0.0)))
                .collect();
            let sum: f32 = taps.iter().map(|tap| tap.1).sum();
            match sum > 0.0 {
                true => taps.iter_mut().for_each(|tap| tap.1 /= sum),
                false => taps = vec![((centre.max(0.0) as usize).min(side - 1), 1.0)],
            }
            taps
        })
        .collect()
}

/// A decoded picture.
#[derive(Debug, Clone, Copy)]
pub struct Pixels<'a> {
    /// Pixels in a line.
    pub width: usize,
    /// Lines.
    pub height: usize,
    /// Red, green, blue, alpha of each, line by line.
    pub rgba: &'a [u8],
}

impl Pixels<'_> {
    /// The colour of a pixel on a white ground.
    fn at(&self, x: usize, y: usize) -> [f32; 3] {
        let pixel = &self.rgba[4 * (y * self.width + x)..][..4];
        let alpha = f32::from(pixel[3]) / 255.0;
        [0, 1, 2].map(|c| f32::from(pixel[c]) * alpha + 255.0 * (1.0 - alpha))
    }
}

/// Pictures on their way to become inputs.
#[derive(Debug, Clone)]
pub struct Pictures {
    form: Form,
    values: Vec<f32>,
    folders: Vec<String>,
}

impl Pictures {
    /// None yet.
    pub fn new(form: Form) -> Result<Pictures> {
        form.validate()?;
        Ok(Pictures { form, values: vec![], folders: vec![] })
    }

    /// Number of pictures so far.
    pub fn len(&self) -> usize {
        self.folders.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.folders.is_empty()
    }

    /// Adds one; `path` tells the folder that it lies in, and stands in error messages.
    pub fn add(&mut self, path: &str, picture: Pixels) -> Result<()> {
        let Pixels { width, height, rgba } = picture;
        if width == 0 || height == 0 || rgba.len() != 4 * width * height {
            return Err(Error::new(ErrorKind::Data, "this is no picture").at(path));
        }
        let row = self.form.row(&picture);
        if self.values.len() + row.len() > MOST_NUMBERS {
            let text = format!("with it there is more than fits: {} pictures do", self.len());
            return Err(Error::new(ErrorKind::Data, text).at(path));
        }
        self.values.extend(row);
        let folder = path.rsplit('/').nth(1).unwrap_or_default();
        self.folders.push(folder.to_string());
        Ok(())
    }

    /// The inputs as an `.npz` file. Where pictures lie in several folders, these are the classes: by the number that
    /// is their name, else in alphabetical order.
    pub fn into_npz(self) -> Result<Vec<u8>> {
        if self.is_empty() {
            return Err(
                Error::new(ErrorKind::Data, "there is no .png or .jpeg file").at("pictures")
            );
        }
        let images =
            ArrayD::from_shape_vec(IxDyn(&self.form.shape(self.folders.len())), self.values)
                .map_err(|e| Error::new(ErrorKind::Internal, e.to_string()).with_source(e))?;
        let classes: BTreeSet<&String> = self.folders.iter().collect();
        if classes.len() < 2 {
            return npz::write(&[("images", &images)]);
        }
        let numbered = classes.iter().all(|name| name.parse::<u32>().is_ok());
        let label = |folder: &String| match numbered {
            true => folder.parse::<u32>().unwrap_or_default() as f32,
            false => classes.iter().position(|name| *name == folder).unwrap_or_default() as f32,
        };
        let labels: Array1<f32> = self.folders.iter().map(label).collect();
        npz::write(&[("images", &images), ("label", &labels.into_dyn())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use perforate_engine::{PlanCache, to_array};
    use perforate_onnx::{GraphBuilder, Metadata, OPSET, Size};

    fn program(sizes: [usize; 3]) -> Program {
        let mut graph = GraphBuilder::new("g", OPSET);
        let shape = [vec![Size::Rows], sizes.map(Size::Fixed).to_vec()].concat();
        graph.input("x", &shape).unwrap();
        graph.node("Relu", "y", &["x"]).unwrap();
        graph.output("y", &shape).unwrap();
        let model = graph.into_model(&Metadata::default()).unwrap();
        Program::from_proto(&PlanCache::default(), "m", &model, 0).unwrap()
    }

    /// A picture that is black on the left and `colour` on the right.
    fn halves(width: usize, height: usize, colour: [u8; 4]) -> Vec<u8> {
        let pixel = |ix: usize| if ix % width < width / 2 { [0, 0, 0, 255] } else { colour };
        (0..width * height).flat_map(pixel).collect()
    }

    #[test]
    fn a_form_is_read_off_the_model() {
        let form = Form::of(&program([3, 8, 6])).unwrap();
        assert_eq!((form.layout, form.channels, form.height, form.width), (Layout::Nchw, 3, 8, 6));
        let form = Form::of(&program([8, 6, 1])).unwrap();
        assert_eq!((form.layout, form.channels, form.height, form.width), (Layout::Nhwc, 1, 8, 6));
        let error = Form::of(&program([5, 5, 5])).unwrap_err().to_string();
        assert!(error.contains("no picture"), "{error}");
    }

    #[test]
    fn rows_are_scaled_cropped_and_normalised() {
        let rgba = halves(40, 20, [255, 0, 51, 255]);
        let form = Form {
            mean: vec![0.5, 0.0, 0.0],
            deviation: vec![0.5],
            ..Form::of(&program([3, 2, 2])).unwrap()
        };
        let row = form.row(&Pixels { width: 40, height: 20, rgba: &rgba });
        // Red: black is −1, full is 1; the triangles overlap the edge a little.
        assert!((row[0] + 1.0).abs() < 0.35 && (row[1] - 1.0).abs() < 0.35, "{row:?}");
        assert!(row[4].abs() < 1e-6 && (row[9] - 0.4).abs() < 0.1, "{row:?}");
        // A picture of the right size stays as it is.
        let same = Form::of(&program([4, 4, 1])).unwrap();
        let grey = halves(4, 4, [100, 100, 100, 255]);
        let row = same.row(&Pixels { width: 4, height: 4, rgba: &grey });
        assert!(row[..2].iter().all(|v| v.abs() < 1e-6), "{row:?}");
        assert!((row[2] - 100.0 / 255.0).abs() < 1e-5, "{row:?}");
        // What is seen through is white.
        let clear = [0u8; 64];
        let row = same.row(&Pixels { width: 4, height: 4, rgba: &clear });
        assert!(row.iter().all(|v| (v - 1.0).abs() < 1e-5), "{row:?}");
    }

    #[test]
    fn folders_are_classes() {
        let form = Form::of(&program([1, 2, 2])).unwrap();
        let labels = |paths: &[&str]| {
            let mut pictures = Pictures::new(form.clone()).unwrap();
            let rgba = [255u8; 16];
            for path in paths {
                pictures.add(path, Pixels { width: 2, height: 2, rgba: &rgba }).unwrap();
            }
            let read = npz::read("p.npz", &pictures.into_npz().unwrap(), "x").unwrap();
            assert_eq!(read.get("images").unwrap().shape(), [paths.len(), 1, 2, 2]);
            read.get("label")
                .map(|tensor| to_array::<f32>(tensor).unwrap().into_raw_vec_and_offset().0)
        };
        assert_eq!(
            labels(&["a/dog/1.png", "a/cat/2.png", "a/dog/3.png"]),
            Some(vec![1.0, 0.0, 1.0])
        );
        assert_eq!(labels(&["7/1.png", "12/2.png"]), Some(vec![7.0, 12.0]));
        assert_eq!(labels(&["a/1.png", "a/2.png"]), None);
        assert_eq!(labels(&["1.png"]), None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let form = Form::of(&program([3, 2, 2])).unwrap();
        let says = |form: Form, word: &str| {
            let error = Pictures::new(form).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        };
        says(Form { width: 0, ..form.clone() }, "width");
        says(Form { mean: vec![0.0, 1.0], ..form.clone() }, "mean");
        says(Form { deviation: vec![0.0], ..form.clone() }, "deviation");
        says(Form { scale: f32::NAN, ..form.clone() }, "scale");
        let mut pictures = Pictures::new(form).unwrap();
        let error = pictures.add("a.png", Pixels { width: 2, height: 2, rgba: &[] }).unwrap_err();
        assert!(error.to_string().contains("a.png"));
        assert!(pictures.into_npz().unwrap_err().to_string().contains(".png"));
    }
}
