//! A chart's SVG as a PNG, with a font that is built in, so that it looks alike on every machine.

use std::sync::Arc;

use resvg::{tiny_skia, usvg};

use super::error::ChartError;

/// Device pixels for one of the SVG's: sharp on a high-density screen and in print.
const SCALE: f32 = 2.0;

/// Renders the SVG of a chart at twice its size.
pub fn png(svg: &str) -> Result<Vec<u8>, ChartError> {
    let fault = |text: String| ChartError(text);
    let mut fonts = usvg::fontdb::Database::new();
    fonts.load_font_data(epaint_default_fonts::UBUNTU_LIGHT.to_vec());
    let family = fonts
        .faces()
        .next()
        .and_then(|face| face.families.first())
        .map(|(family, _)| family.clone())
        .ok_or_else(|| fault("the built-in font cannot be read".into()))?;
    // Whatever family the chart asks for, this is the one there is.
    let mut options = usvg::Options { font_family: family.clone(), ..usvg::Options::default() };
    fonts.set_sans_serif_family(family);
    options.fontdb = Arc::new(fonts);
    let tree = usvg::Tree::from_str(svg, &options).map_err(|e| fault(e.to_string()))?;
    let size = tree.size().to_int_size().scale_by(SCALE);
    let mut pixels = size
        .and_then(|size| tiny_skia::Pixmap::new(size.width(), size.height()))
        .ok_or_else(|| fault("the chart has no size".into()))?;
    let transform = tiny_skia::Transform::from_scale(SCALE, SCALE);
    resvg::render(&tree, transform, &mut pixels.as_mut());
    pixels.encode_png().map_err(|e| fault(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_text(text: &str) -> Vec<u8> {
        png(&format!(
            r##"<svg width="80" height="20" xmlns="http://www.w3.org/2000/svg"><text x="2" y="14" font-family="sans-serif" font-size="12" fill="#000">{text}</text></svg>"##
        ))
        .unwrap()
    }

    #[test]
    fn text_is_drawn_at_twice_the_size() {
        let image = tiny_skia::Pixmap::decode_png(&with_text("12.5×")).unwrap();
        assert_eq!((image.width(), image.height()), (160, 40));
        let inked =
            |image: &tiny_skia::Pixmap| image.pixels().iter().filter(|p| p.alpha() > 128).count();
        let blank = tiny_skia::Pixmap::decode_png(&with_text("")).unwrap();
        assert!(inked(&image) > 50 && inked(&blank) == 0, "{}", inked(&image));
    }

    #[test]
    fn what_is_no_svg_is_refused() {
        assert!(png("no").is_err());
    }
}
