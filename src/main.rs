//! The `seewhy` program.

fn main() {}
