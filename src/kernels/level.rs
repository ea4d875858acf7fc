//! Which instructions this processor has.

/// A set of instructions that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstructionSet {
    /// What the target promises: on x86-64 SSE2.
    Plain,
}

impl InstructionSet {
    /// The widest that this processor has.
    pub fn best() -> InstructionSet {
        InstructionSet::Plain
    }

    /// All that this processor has, the widest first.
    pub fn all() -> Vec<InstructionSet> {
        vec![InstructionSet::Plain]
    }
}
