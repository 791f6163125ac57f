//! What results are told by: the loss that counts, the setting that is reported, the static model beside it.

use perforate_bench::sweep::{Point, Reference, ReferenceRole, Results};
use perforate_routing::fit::calibrate::Loss;

/// Without labels only disagreement can be counted, whatever was asked for.
pub fn effective_loss(results: &Results) -> Loss {
    match results.full.quality.accuracy {
        Some(_) => results.target.loss,
        None => Loss::Disagreement,
    }
}

/// The setting that is reported: the certified one, else the middle of the curve.
fn reported(results: &Results) -> Option<&Point> {
    let middle = results.curve.len() / 2;
    results.curve.get(results.certificate.chosen.unwrap_or(middle))
}

/// The cost-matched static model: the one whose cost is nearest to the reported setting's, as a ratio.
pub(super) fn cost_matched(results: &Results) -> Option<&Reference> {
    let own = reported(results)?.cost;
    let distance = |reference: &&Reference| (reference.point.cost / own).ln().abs();
    let statics = results.references_of(ReferenceRole::Static);
    statics.min_by(|a, b| distance(a).total_cmp(&distance(b)))
}
