//! How strategies draw themselves: boxes are models, a diamond is a gate.

/// A drawing of 48 by 28 units, as SVG, from the elements in it.
#[macro_export]
macro_rules! glyph {
    ($body:literal) => {
        concat!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 28" aria-hidden="true">"#,
            $body,
            "</svg>"
        )
    };
}

/// A gate before a model, for a strategy without a picture of its own.
pub const GATE: &str = glyph!(
    r#"<path d="M2 14h6M16 14h10"/><path class="gate" d="M12 9l5 5-5 5-5-5z"/><rect x="26" y="5" width="18" height="18"/>"#
);
