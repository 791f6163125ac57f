//! What routed models are made of: pieces that strategies put together, which know nothing of timing.
//!
//! | module | offers |
//! |---|---|
//! | [`exits`] | a network in stages with a gate behind each: the first head that is sure ends it |
//! | [`model_chain`] | whole models of rising cost as such stages |
//! | [`escalation`] | whole models in order of cost, chosen among by a score or a cost |
//! | [`score`] | confidence scores, computed in the graph |
//! | [`names`] | short names of models, from their files |
//! | [`pool`] | any models as a router: averages of answers, predicted failures |
//! | [`fit`] | fits in closed form; thresholds with a guarantee: [`fit::calibrate`] |
//! | [`search`] | exits for a model that has none, and cascades of several |
//! | [`split`] | a routed file in two, at a gate: for a device and for a server |
//! | [`watch`] | in use: an alarm when inputs change, and a guarantee anew |

pub mod escalation;
pub mod exits;
pub mod fit;
pub mod model_chain;
pub mod names;
pub mod pool;
pub mod score;
pub mod search;
pub mod split;
pub mod watch;
