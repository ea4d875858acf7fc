//! Several of our operators as one of tract's.
//!
//! tract gives each value memory of its own, which the system clears, hands out page by page as it is first written, and
//! takes back when the value is dropped: for small networks that costs more than a tenth of the time. Within a program
//! values lie in one stretch of memory, in places known beforehand, that each thread keeps for its next run.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use anyhow::Context as _;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{
    DimLike, EvalContext, EvalOp, Op, PlainView, StaticName, TDim, as_op, op_as_typed_op, op_out_of_plan,
};
use tract_onnx::tract_core::ops::Cost;

use super::memory::{Need, places};
use super::step::{Step, step};

/// How many numbers of memory a thread keeps at most: 128 MB.
const KEPT: usize = 1 << 25;

/// Bytes that the memory begins with a multiple of.
const PAGE: usize = 4096;

thread_local! {
    static MEMORY: RefCell<Option<Tensor>> = const { RefCell::new(None) };
}

/// Steps, one after the other.
#[derive(Debug, Clone)]
pub(in crate::network) struct Program {
    parts: Arc<[Part]>,
    /// What the parts' common memory holds.
    memory: usize,
    outputs: TVec<TypedFact>,
    /// What the steps cost together.
    cost: TVec<(Cost, TDim)>,
}

#[derive(Debug)]
struct Part {
    name: String,
    step: Arc<dyn Step>,
    inputs: TVec<Place>,
    output: Place,
}

/// Where a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Input(usize),
    Output(usize),
    Memory(Range<usize>),
}

impl PartialEq for Program {
    fn eq(&self, other: &Program) -> bool {
        Arc::ptr_eq(&self.parts, &other.parts)
    }
}

impl Eq for Program {}

impl Program {
    /// Runs the steps; `done` is told the name of each when it is done.
    pub(in crate::network) fn run(&self, inputs: &TVec<TValue>, done: impl FnMut(&str)) -> TractResult<TVec<TValue>> {
        let views =
            inputs.iter().map(|input| input.try_as_plain_ram()).collect::<TractResult<TVec<PlainView<'_>>>>()?;
        let slices = views.iter().map(PlainView::as_slice::<f32>).collect::<TractResult<TVec<_>>>()?;
        // Not borrowed during the run: a thread that waits for others may take up another run meanwhile.
        let mut memory = match MEMORY.take().filter(|memory| memory.len() >= self.memory) {
            Some(memory) => memory,
            None => Tensor::zero_aligned::<f32>(&[self.memory], PAGE)?,
        };
        let outputs = self.run_in(memory.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?, &slices, done);
        if memory.len() <= KEPT {
            MEMORY.set(Some(memory));
        }
        outputs
    }

    fn run_in(&self, memory: &mut [f32], inputs: &[&[f32]], mut done: impl FnMut(&str)) -> TractResult<TVec<TValue>> {
        let mut outputs: TVec<Option<Tensor>> = self.outputs.iter().map(|_| None).collect();
        for part in self.parts.iter() {
            match &part.output {
                Place::Output(slot) => {
                    let shape = self.outputs[*slot].shape.as_concrete().unwrap_or_default();
                    let mut output = Tensor::zero::<f32>(shape)?;
                    let known = Known { inputs, outputs: &outputs, before: memory, after: &[], end: memory.len() };
                    part.run(&known, output.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?)?;
                    outputs[*slot] = Some(output);
                }
                Place::Memory(range) => {
                    let (before, rest) = memory.split_at_mut(range.start);
                    let (output, after) = rest.split_at_mut(range.len());
                    part.run(&Known { inputs, outputs: &outputs, before, after, end: range.end }, output)?;
                }
                Place::Input(_) => anyhow::bail!("an input is written"),
            }
            done(&part.name);
        }
        outputs.into_iter().map(|output| Ok(output.context("an output is not computed")?.into_tvalue())).collect()
    }
}

/// Values that a step can read.
struct Known<'a> {
    inputs: &'a [&'a [f32]],
    outputs: &'a [Option<Tensor>],
    /// The memory before and after what is written, which ends at `end`.
    before: &'a [f32],
    after: &'a [f32],
    end: usize,
}

impl Known<'_> {
    fn read(&self, place: &Place) -> TractResult<&[f32]> {
        Ok(match place {
            Place::Input(slot) => self.inputs[*slot],
            Place::Output(slot) => {
                self.outputs[*slot].as_ref().context("it is not computed yet")?.try_as_plain_ram()?.as_slice()?
            }
            Place::Memory(range) if range.end <= self.before.len() => &self.before[range.clone()],
            Place::Memory(range) => &self.after[range.start - self.end..range.end - self.end],
        })
    }
}

impl Part {
    fn run(&self, known: &Known<'_>, output: &mut [f32]) -> TractResult<()> {
        let mut places = self.inputs.as_slice();
        if self.step.in_place()
            && let Some((first, others)) = places.split_first()
        {
            places = others;
            if *first != self.output {
                output.copy_from_slice(known.read(first)?);
            }
        }
        let inputs = places.iter().map(|place| known.read(place)).collect::<TractResult<TVec<_>>>()?;
        self.step.run(&inputs, output);
        Ok(())
    }
}

impl Op for Program {
    fn name(&self) -> StaticName {
        "Program".into()
    }

    fn info(&self) -> TractResult<Vec<String>> {
        Ok(self.parts.iter().map(|part| part.name.clone()).collect())
    }

    op_as_typed_op!();
}

impl EvalOp for Program {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        self.run(&inputs, |_| ())
    }
}

impl TypedOp for Program {
    fn output_facts(&self, _inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(self.outputs.clone())
    }

    fn cost(&self, _inputs: &[&TypedFact]) -> TractResult<TVec<(Cost, TDim)>> {
        Ok(self.cost.clone())
    }

    as_op!();
}

/// The optimised graph with programs in the place of our operators that can be run one after the other.
pub(in crate::network) fn with_programs(whole: &TypedModel) -> TractResult<TypedModel> {
    let mut writer = Writer {
        whole,
        graph: TypedModel { symbols: whole.symbols.clone(), ..TypedModel::default() },
        outlets: HashMap::new(),
    };
    for input in &whole.inputs {
        let fact = whole.outlet_fact(*input)?.clone();
        let source = writer.graph.add_source(whole.node(input.node).name.clone(), fact)?;
        writer.outlets.insert(*input, source);
    }
    for group in groups(whole)? {
        match group.as_slice() {
            [one] => writer.copy(whole.node(*one))?,
            several => writer.program(several)?,
        }
    }
    let outputs: Vec<OutletId> = whole.outputs.iter().map(|output| writer.outlets[output]).collect();
    writer.graph.select_output_outlets(&outputs)?;
    Ok(writer.graph)
}

/// All nodes but for the inputs, in an order that they can be run in, ours in groups as large as they go.
fn groups(whole: &TypedModel) -> TractResult<Vec<Vec<usize>>> {
    let order = whole.eval_order()?;
    let positions: HashMap<usize, usize> = order.iter().enumerate().map(|(position, id)| (*id, position)).collect();
    let mut missing: HashMap<usize, usize> = order.iter().map(|id| (*id, whole.node(*id).inputs.len())).collect();
    // Nodes that can be run, by where they stand in tract's order.
    let (mut own, mut others): (BTreeMap<usize, usize>, BTreeMap<usize, usize>) = Default::default();
    let mut groups = vec![];
    let mut released: Vec<usize> = order.iter().copied().filter(|id| missing[id] == 0).collect();
    let mut group = vec![];
    loop {
        for id in released.drain(..) {
            let ready = if step(whole.node(id).op.as_ref()).is_some() { &mut own } else { &mut others };
            ready.insert(positions[&id], id);
        }
        // One group is run to its end, then all others that can be.
        let next = if group.is_empty() { others.pop_first().or_else(|| own.pop_first()) } else { own.pop_first() };
        let Some((_, id)) = next else {
            if group.is_empty() {
                break;
            }
            groups.push(std::mem::take(&mut group));
            continue;
        };
        let is_own = step(whole.node(id).op.as_ref()).is_some();
        let readers: Vec<usize> =
            whole.node(id).outputs.iter().flat_map(|output| &output.successors).map(|reader| reader.node).collect();
        for reader in readers {
            if let Some(count) = missing.get_mut(&reader) {
                *count -= 1;
                if *count == 0 {
                    released.push(reader);
                }
            }
        }
        if is_own {
            group.push(id);
        } else if !whole.inputs.iter().any(|input| input.node == id) {
            groups.push(vec![id]);
        }
    }
    Ok(groups)
}

struct Writer<'a> {
    whole: &'a TypedModel,
    graph: TypedModel,
    /// Where values of the whole graph are in the new one.
    outlets: HashMap<OutletId, OutletId>,
}

impl Writer<'_> {
    fn copy(&mut self, node: &TypedNode) -> TractResult<()> {
        let outputs: Vec<OutletId> = (0..node.outputs.len()).map(|slot| OutletId::new(node.id, slot)).collect();
        self.add(node.name.clone(), node.op.clone(), &node.inputs, &outputs)
    }

    fn add(
        &mut self,
        name: String,
        op: Box<dyn TypedOp>,
        inputs: &[OutletId],
        outputs: &[OutletId],
    ) -> TractResult<()> {
        let facts =
            outputs.iter().map(|output| self.whole.outlet_fact(*output).cloned()).collect::<TractResult<_>>()?;
        let node = self.graph.add_node(name, op, facts)?;
        for (slot, input) in inputs.iter().enumerate() {
            self.graph.add_edge(self.outlets[input], InletId::new(node, slot))?;
        }
        for (slot, output) in outputs.iter().enumerate() {
            self.outlets.insert(*output, OutletId::new(node, slot));
        }
        Ok(())
    }

    /// Our operators as one.
    fn program(&mut self, nodes: &[usize]) -> TractResult<()> {
        let whole = self.whole;
        let inside: BTreeSet<usize> = nodes.iter().copied().collect();
        let (mut inputs, mut outputs): (Vec<OutletId>, Vec<OutletId>) = Default::default();
        let mut cost = tvec![];
        // Values that lie in memory, and the number of each.
        let mut needs: Vec<Need> = vec![];
        let mut values: HashMap<OutletId, usize> = HashMap::new();
        for (at, id) in nodes.iter().enumerate() {
            let node = whole.node(*id);
            for input in &node.inputs {
                if let Some(value) = values.get(input) {
                    needs[*value].last = at;
                } else if !inside.contains(&input.node) && !inputs.contains(input) {
                    inputs.push(*input);
                }
            }
            let output = OutletId::new(*id, 0);
            let readers = whole.outlet_successors(output);
            if whole.outputs.contains(&output) || readers.iter().any(|reader| !inside.contains(&reader.node)) {
                outputs.push(output);
            } else {
                let first = node.inputs.first().and_then(|input| values.get(input)).copied();
                let in_place = step(node.op.as_ref()).is_some_and(|step| step.in_place());
                let alone = node.inputs.first().is_some_and(|input| whole.outlet_successors(*input).len() == 1);
                let value = first.filter(|_| in_place && alone).unwrap_or_else(|| {
                    let len = whole.outlet_fact(output).ok().and_then(|fact| fact.shape.volume().to_usize().ok());
                    needs.push(Need { len: len.unwrap_or_default(), first: at, last: at });
                    needs.len() - 1
                });
                values.insert(output, value);
            }
            cost.extend(node.op.cost(&whole.node_input_facts(*id)?)?);
        }
        let ranges = places(&needs);
        let place = |outlet: &OutletId| {
            let position = |list: &[OutletId]| list.iter().position(|one| one == outlet);
            match values.get(outlet) {
                Some(value) => Ok(Place::Memory(ranges[*value].clone())),
                None => position(&outputs)
                    .map(Place::Output)
                    .or_else(|| position(&inputs).map(Place::Input))
                    .context("a value has no place"),
            }
        };
        let mut parts = vec![];
        for id in nodes {
            let node = whole.node(*id);
            parts.push(Part {
                name: node.name.clone(),
                step: step(node.op.as_ref()).context("an operator is none of ours")?,
                inputs: node.inputs.iter().map(place).collect::<TractResult<_>>()?,
                output: place(&OutletId::new(*id, 0))?,
            });
        }
        let facts = outputs.iter().map(|output| whole.outlet_fact(*output).cloned()).collect::<TractResult<_>>()?;
        let memory = ranges.iter().map(|range| range.end).max().unwrap_or(0);
        let name = nodes.last().map(|id| whole.node(*id).name.clone()).unwrap_or_default();
        let program = Program { parts: parts.into(), memory, outputs: facts, cost };
        self.add(name, Box::new(program), &inputs, &outputs)
    }
}
