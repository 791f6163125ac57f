//! Small pictures of the strategies, for the scenarios' cards: boxes are models, a diamond is a gate.

use perforate_routing::{
    cascade, dendritic, early_exit, energy, experts, fuzzy, learned, perforated, precision, refine,
};

macro_rules! glyph {
    ($body:literal) => {
        concat!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 28" aria-hidden="true">"#,
            $body,
            "</svg>"
        )
    };
}

/// The picture of a strategy, as SVG; a gate before a model if it has none of its own.
pub fn of(strategy: &str) -> &'static str {
    match strategy {
        // A gate, and behind it the full model or a light one.
        dendritic::STRATEGY => glyph!(
            r#"<path d="M2 14h6M16 14l6-6h4M16 14l6 9h6"/><path class="gate" d="M12 9l5 5-5 5-5-5z"/><rect x="26" y="1" width="18" height="14"/><rect x="28" y="20" width="8" height="6"/>"#
        ),
        // A network in stages, with a way out behind each.
        early_exit::STRATEGY => glyph!(
            r#"<path d="M1 9h45M15.500 9v14M31.500 9v14M13 21l2.500 3 2.500-3M29 21l2.500 3 2.500-3"/><rect x="4" y="3" width="8" height="12"/><rect x="19" y="3" width="9" height="12"/><rect x="35" y="3" width="10" height="12"/>"#
        ),
        // Models of rising size, one after the other.
        cascade::STRATEGY | cascade::IN_EIGHT_BITS => glyph!(
            r#"<path d="M1 14h46"/><rect x="4" y="11" width="6" height="6"/><rect x="15" y="8" width="9" height="12"/><rect x="29" y="2" width="15" height="24"/>"#
        ),
        // A cheap look, and a careful one after it.
        refine::STRATEGY => glyph!(
            r#"<path d="M1 14h8M14 14h12M26 14h6M22 14v11h23"/><rect x="4" y="10" width="8" height="8"/><path class="gate" d="M22 9l5 5-5 5-5-5z"/><rect x="31" y="4" width="14" height="16"/>"#
        ),
        // A gate that weighs several models against each other.
        experts::STRATEGY => glyph!(
            r#"<path d="M1 14h6M14 14l12-9h3M14 14h15M14 14l12 10h3"/><path class="gate" d="M11 9l5 5-5 5-5-5z"/><rect x="29" y="2" width="6" height="6"/><rect x="29" y="10" width="10" height="7"/><rect x="29" y="19" width="17" height="8"/>"#
        ),
        // A battery that chooses.
        energy::STRATEGY => glyph!(
            r#"<path d="M18 14l8-9h3M18 14h11M18 14l8 10h3"/><rect x="2" y="8" width="13" height="12"/><path d="M15 12h2v4h-2"/><path class="fill" d="M4 10h5v8h-5z"/><rect x="29" y="2" width="6" height="6"/><rect x="29" y="10" width="10" height="7"/><rect x="29" y="19" width="17" height="8"/>"#
        ),
        // Low, medium, high: overlapping memberships.
        fuzzy::STRATEGY => glyph!(
            r#"<path d="M2 22h19M3 10l6 12M4 22l7.500-12 7.500 12M14 22l6-12"/><path d="M22 16l5-9h3M22 16l8 6"/><rect x="30" y="2" width="7" height="8"/><rect x="30" y="15" width="16" height="11"/>"#
        ),
        // A line fitted to points.
        learned::STRATEGY => glyph!(
            r#"<path d="M2 23h18M2 21l17-15"/><circle cx="5" cy="15" r="1.500"/><circle cx="9" cy="17" r="1.500"/><circle cx="13" cy="9" r="1.500"/><circle cx="17" cy="10" r="1.500"/><path d="M22 16l5-9h3M22 16l8 6"/><rect x="30" y="2" width="7" height="8"/><rect x="30" y="15" width="16" height="11"/>"#
        ),
        // Stages, each in three sizes of which one is taken.
        precision::STRATEGY | precision::GREEDY => glyph!(
            r#"<path d="M1 21h46"/><rect x="4" y="2" width="10" height="10"/><rect x="4" y="14" width="10" height="6"/><rect class="fill" x="4" y="22" width="10" height="4"/><rect x="19" y="2" width="10" height="10"/><rect class="fill" x="19" y="14" width="10" height="6"/><rect x="19" y="22" width="10" height="4"/><rect class="fill" x="34" y="2" width="10" height="10"/><rect x="34" y="14" width="10" height="6"/><rect x="34" y="22" width="10" height="4"/>"#
        ),
        // Words, fewer and fewer of them.
        perforated::STRATEGY | perforated::WITH_EXITS => glyph!(
            r#"<path d="M1 14h46"/><path class="fill" d="M4 2h5v4H4zM4 8h5v4H4zM4 16h5v4H4zM4 22h5v4H4zM24 5h5v4h-5zM24 16h5v4h-5zM40 12h5v4h-5z"/><rect x="12" y="2" width="9" height="24"/><rect x="31" y="5" width="7" height="18"/>"#
        ),
        _ => glyph!(
            r#"<path d="M2 14h6M16 14h10"/><path class="gate" d="M12 9l5 5-5 5-5-5z"/><rect x="26" y="5" width="18" height="18"/>"#
        ),
    }
}
