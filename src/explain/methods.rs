//! The registry of methods. A new method is one file beside this one and one line here; the command line, the interface,
//! the help and the documentation all read this table.

use super::{MethodInfo, grad_cam};

/// Every method, in the order in which menus show them.
pub static METHODS: &[&MethodInfo] = &[&grad_cam::GRAD_CAM];

/// The method of that name.
pub fn find(name: &str) -> Option<&'static MethodInfo> {
    METHODS.iter().copied().find(|method| method.name == name)
}

/// The method used when none is named.
pub fn default_method() -> &'static MethodInfo {
    &grad_cam::GRAD_CAM
}
