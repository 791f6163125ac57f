//! The stages of a sweep, one a file: each has a state, and a `step` that does one slice of its work.

mod answers_check;
mod batch1;
mod batch_n;
mod first_rows;
mod further_rounds;
mod headline;
mod orders;
mod part;
mod references;
mod remaining_rows;
mod robustness;
mod router;
mod scores;
mod segments;

pub(super) use answers_check::CheckAnswers;
pub(super) use batch_n::TimeBatchN;
pub(super) use batch1::TimeBatch1;
pub(super) use first_rows::RecordFirstRows;
pub(super) use further_rounds::TimeFurtherRounds;
pub(super) use headline::TimeHeadline;
pub(super) use orders::ChooseOrders;
pub(super) use part::Part;
pub(super) use references::JudgeReferences;
pub(super) use remaining_rows::RecordRemainingRows;
pub(super) use robustness::JudgePerturbed;
pub(super) use router::TimeRouter;
pub(super) use scores::RecordScores;
pub(super) use segments::TimeSegments;
