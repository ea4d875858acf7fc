//! One function for each operator's gradient, grouped by family.

use super::Rule;
#[allow(unused_imports)]
use super::registry::For;

/// Every rule. The order does not matter: each operator type has one.
pub(super) static ALL: &[&'static dyn Rule] = &[];
