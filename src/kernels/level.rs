//! Which instructions this processor has, and kernels compiled for each of them.

use std::sync::LazyLock;

use fearless_simd::{Level, Simd};

/// A set of instructions that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstructionSet {
    /// 16 lanes: x86-64 since Ice Lake and Zen 4.
    Avx512,
    /// 8 lanes with fused multiply-adds.
    Avx2,
    /// 4 lanes with fused multiply-adds.
    Neon,
    /// What the target promises: on x86-64 SSE2, where products are rounded before they are added.
    Plain,
}

impl InstructionSet {
    /// The widest that this processor has.
    pub fn best() -> InstructionSet {
        InstructionSet::all()[0]
    }

    /// All that this processor has, the widest first.
    pub fn all() -> &'static [InstructionSet] {
        static FOUND: LazyLock<Vec<InstructionSet>> = LazyLock::new(|| {
            let every = [InstructionSet::Avx512, InstructionSet::Avx2, InstructionSet::Neon, InstructionSet::Plain];
            every.into_iter().filter(|set| set.is_here(Level::new())).collect()
        });
        &FOUND
    }

    /// Numbers in a vector.
    pub fn lanes(self) -> usize {
        match self {
            InstructionSet::Avx512 => 16,
            InstructionSet::Avx2 => 8,
            InstructionSet::Neon | InstructionSet::Plain => 4,
        }
    }

    /// Vectors that fit the processor's registers.
    pub(super) fn registers(self) -> usize {
        match self {
            InstructionSet::Avx512 | InstructionSet::Neon => 32,
            InstructionSet::Avx2 | InstructionSet::Plain => 16,
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn is_here(self, level: Level) -> bool {
        match self {
            InstructionSet::Avx512 => level.as_avx512().is_some(),
            InstructionSet::Avx2 => level.as_avx2().is_some(),
            InstructionSet::Neon => false,
            InstructionSet::Plain => true,
        }
    }

    #[cfg(target_arch = "aarch64")]
    fn is_here(self, level: Level) -> bool {
        match self {
            InstructionSet::Neon => level.as_neon().is_some(),
            InstructionSet::Avx512 | InstructionSet::Avx2 => false,
            InstructionSet::Plain => level.as_neon().is_none(),
        }
    }

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    fn is_here(self, _: Level) -> bool {
        self == InstructionSet::Plain
    }

    /// Runs `job` compiled for this set.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn run<J: Job>(self, job: J) {
        let level = Level::new();
        if self == InstructionSet::Avx512
            && let Some(simd) = level.as_avx512()
        {
            return simd.vectorize(
                #[inline(always)]
                || job.run(simd),
            );
        }
        if self == InstructionSet::Avx2
            && let Some(simd) = level.as_avx2()
        {
            return simd.vectorize(
                #[inline(always)]
                || job.run(simd),
            );
        }
        if let Some(simd) = level.as_sse2() {
            simd.vectorize(
                #[inline(always)]
                || job.run(simd),
            );
        }
    }

    /// Runs `job` compiled for this set.
    #[cfg(not(target_arch = "x86_64"))]
    pub(super) fn run<J: Job>(self, job: J) {
        fearless_simd::dispatch!(Level::new(), simd => job.run(simd));
    }
}

/// Work that is compiled once for each instruction set. Mark `run`, and what it calls, `#[inline(always)]`: a function that is
/// not inlined is compiled for the target, not for the set.
pub(super) trait Job {
    fn run<S: Simd>(self, simd: S);
}
