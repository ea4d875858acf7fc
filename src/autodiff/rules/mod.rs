//! One function for each operator's gradient, grouped by family.

mod conv;
mod pool;

use super::Rule;
use super::registry::For;

/// Every rule. The order does not matter: each operator type has one.
pub(super) static ALL: &[&'static dyn Rule] =
    &[&For("Conv", conv::conv), &For("MaxPool", pool::max_pool), &For("SumPool", pool::sum_pool)];
