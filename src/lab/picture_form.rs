//! The form that says how pictures become a model's inputs, as the texts of its fields.

use serde::{Deserialize, Serialize};

use perforate_base::{Error, ErrorKind, Named, Result};
use perforate_data::pictures::{Form, Layout};

/// A form's fields as they are shown and typed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct FormTexts {
    /// Pixels in a line.
    pub width: String,
    /// Lines.
    pub height: String,
    /// Name of the order of the axes.
    pub layout: String,
    /// Factor of every pixel.
    pub scale: String,
    /// One value, or one per channel separated by commas.
    pub mean: String,
    /// The same.
    pub deviation: String,
}

impl FormTexts {
    /// The texts of a form.
    pub fn of(form: &Form) -> FormTexts {
        let list =
            |values: &[f32]| values.iter().map(f32::to_string).collect::<Vec<_>>().join(", ");
        FormTexts {
            width: form.width.to_string(),
            height: form.height.to_string(),
            layout: form.layout.name().to_string(),
            scale: form.scale.to_string(),
            mean: list(&form.mean),
            deviation: list(&form.deviation),
        }
    }

    /// The form that these texts make of the model's; what they do not say, such as its channels, stays.
    ///
    /// # Errors
    /// If a text is no number, or no row can be made with it: the error names the field.
    pub fn read(&self, model: &Form) -> Result<Form> {
        let form = Form {
            width: number("width", &self.width)?,
            height: number("height", &self.height)?,
            layout: Layout::from_name(self.layout.trim())?,
            scale: number("scale", &self.scale)?,
            mean: numbers("mean", &self.mean)?,
            deviation: numbers("deviation", &self.deviation)?,
            channels: model.channels,
        };
        form.validate()?;
        Ok(form)
    }
}

fn number<T: std::str::FromStr>(field: &str, text: &str) -> Result<T> {
    text.trim().parse().map_err(|_| {
        let text = format!("\"{text}\" is not a number that can be used");
        Error::new(ErrorKind::Config, text).at("pictures").node(field)
    })
}

fn numbers(field: &str, text: &str) -> Result<Vec<f32>> {
    let parts = text.split(|c: char| c.is_whitespace() || ",;".contains(c));
    parts.filter(|part| !part.is_empty()).map(|part| number(field, part)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> Form {
        Form {
            width: 28,
            height: 30,
            channels: 3,
            layout: Layout::Nhwc,
            scale: 1.0 / 255.0,
            mean: vec![0.485, 0.456, 0.406],
            deviation: vec![1.0],
        }
    }

    #[test]
    fn texts_give_the_form_that_they_were_made_of() {
        let texts = FormTexts::of(&form());
        assert_eq!((&*texts.scale, &*texts.mean), ("0.003921569", "0.485, 0.456, 0.406"));
        assert_eq!(texts.read(&form()).unwrap(), form());
        let typed = FormTexts { mean: " 0;0.5 1 ".into(), layout: "nchw".into(), ..texts };
        let read = typed.read(&form()).unwrap();
        assert_eq!((read.mean, read.layout), (vec![0.0, 0.5, 1.0], Layout::Nchw));
    }

    #[test]
    fn a_text_that_is_no_number_is_refused_with_its_field() {
        let texts = FormTexts::of(&form());
        let fault = |texts: FormTexts| texts.read(&form()).unwrap_err().to_string();
        for width in ["", "28.5", "-1", "wide", "0", "5000"] {
            let text = fault(FormTexts { width: width.into(), ..texts.clone() });
            assert!(text.contains("width"), "{text}");
        }
        let text = fault(FormTexts { deviation: "1, x".into(), ..texts.clone() });
        assert!(text.contains("deviation") && text.contains("\"x\""), "{text}");
        let text = fault(FormTexts { deviation: "0".into(), ..texts });
        assert!(text.contains("deviation"), "{text}");
    }
}
