//! Models and inputs for those who have none at hand.

use crate::reading::*;
use crate::support::with_page;

#[test]
fn a_sample_is_one_click_away() {
    with_page("sample", QUICK, |page| {
        wait_for_sweep(page);
        page.click("#tab-yours");
        page.click("#sample");
        page.wait_until("the inputs", PATIENCE, |page| {
            content(page, "#own").contains("clothes.npz: 6000 rows, labels")
        });
        page.click("#route-all");
        page.wait_until("its curve", PATIENCE, |page| {
            page.text("#title-text") == "Your own models" && measured(page) > 0
        });
        let finding = content(page, "#section-exits .findings");
        assert!(finding.contains("light.onnx at "), "{finding}");
    });
}
