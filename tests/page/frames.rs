//! How much work the page makes of a turn of the knob.

use crate::reading::*;
use crate::support::with_page;

#[test]
fn the_state_is_computed_once_a_frame() {
    with_page("frames", QUICK, |page| {
        wait_for_sweep(page);
        let counts = page.script(
            "return (async () => {
               const { View } = await import(new URL('perforate-web.js', document.baseURI).href);
               const { state } = View.prototype;
               let [states, frames, counting] = [0, 0, true];
               View.prototype.state = function () { states += 1; return state.call(this); };
               const count = () => { frames += 1; if (counting) requestAnimationFrame(count); };
               count();
               for (let turn = 0; turn < 40; turn += 1) {
                 for (let again = 0; again < 3; again += 1) document.querySelector('#knob').dispatchEvent(new Event('input'));
                 await new Promise((done) => setTimeout(done, 5));
               }
               await new Promise(requestAnimationFrame);
               counting = false;
               View.prototype.state = state;
               return [states, frames];
             })()",
        );
        let [states, frames]: [usize; 2] = serde_json::from_value(counts).expect("two counts");
        assert!(states > 1, "the knob was turned, and the state computed {states} times");
        assert!(states <= frames, "the state was computed {states} times in {frames} frames");
    });
}
