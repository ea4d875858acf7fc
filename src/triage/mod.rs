//! Finding, among thousands of images, those that matter: what is known of each, conditions on it, orders, the classes that
//! are taken for each other, and marks that outlive the session.

mod accuracy;
mod change;
mod confusion;
mod entry;
mod filter;
mod fuzzy;
mod journal;
mod order;

pub use accuracy::{Bin, ClassTally, Tally};
pub use change::{Change, Comparison, Rights, mcnemar, same};
pub use confusion::{Confusion, confusions};
pub use entry::{Answer, Entry, Outcome};
pub use filter::{CONDITIONS, Filter, PAIR_CONDITIONS};
pub use fuzzy::{has_words, matches, search};
pub use journal::{Journal, JournalError, Marks, RealPaths};
pub use order::Order;
