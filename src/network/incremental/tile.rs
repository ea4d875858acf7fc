//! The operator that cuts a tile out of a layer's value, of which a patch has been computed anew.

use tract_onnx::tract_core::internal::{
    AxisChangeConsequence, AxisOp, DatumExt, EvalContext, EvalOp, InOut, IntoTValue, Op, StaticName, TDim, TValue,
    TVec, Tensor, TractResult, TypedFact, TypedModel, TypedNode, TypedOp, as_op, op_as_typed_op, op_out_of_plan, tvec,
};

/// Cuts out a tile. Inputs: where all tiles lie, `[places, 2]`; the layer's value; and, where `patch` is set, the part of it
/// that takes the place of the old values.
///
/// What of the tile lies outside the layer's grid is filled, so that padding is what it would be for the whole layer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct CutTile {
    /// The row of the table of places that says where the tile lies.
    pub(super) place: usize,
    /// The row that says where the patch lies.
    pub(super) patch: Option<usize>,
    /// Rows and columns of the tile.
    pub(super) extent: [usize; 2],
    /// The axis of rows; that of columns is the next.
    pub(super) row: usize,
    /// The bits of the number outside the grid.
    pub(super) fill: u32,
}

/// Where a tile or patch begins.
fn start(places: &Tensor, place: usize) -> TractResult<[i64; 2]> {
    let places = places.try_as_plain_ram()?;
    let places = places.as_slice::<i64>()?;
    Ok([places[2 * place], places[2 * place + 1]])
}

/// One axis of a tile in pieces, one after the other.
#[derive(Debug, PartialEq, Eq)]
struct Pieces {
    /// Positions before the grid.
    before: usize,
    /// Positions of the grid.
    inside: std::ops::Range<usize>,
    /// Positions behind the grid.
    after: usize,
}

impl Pieces {
    /// A tile of `extent` from `start`, on a grid of `length`.
    fn of(start: i64, extent: usize, length: usize) -> Pieces {
        let clamp = |position: i64| position.clamp(0, length as i64);
        let end = start + extent as i64;
        let inside = clamp(start) as usize..clamp(end) as usize;
        let before = (-start).clamp(0, extent as i64) as usize;
        Pieces { before, after: extent - before - inside.len(), inside }
    }
}

impl CutTile {
    fn cut(&self, places: &Tensor, whole: &Tensor, patch: Option<&Tensor>) -> TractResult<Tensor> {
        let (row, shape) = (self.row, whole.shape());
        let length = [shape[row], shape[row + 1]];
        let outer: usize = shape[..row].iter().product();
        let inner: usize = shape[row + 2..].iter().product();
        let at = start(places, self.place)?;
        let [rows, columns] = [0, 1].map(|axis| Pieces::of(at[axis], self.extent[axis], length[axis]));

        // The part of the patch that the tile covers, on the layer's grid.
        let (patch_at, patch_shape) = match (self.patch, patch) {
            (Some(place), Some(patch)) => (start(places, place)?, [patch.shape()[row], patch.shape()[row + 1]]),
            _ => ([0; 2], [0; 2]),
        };
        let covered = |axis: usize, pieces: &Pieces| {
            let from = patch_at[axis].clamp(pieces.inside.start as i64, pieces.inside.end as i64);
            let to = (patch_at[axis] + patch_shape[axis] as i64).clamp(from, pieces.inside.end as i64);
            from as usize..to as usize
        };
        let (new_rows, new_columns) = (covered(0, &rows), covered(1, &columns));

        let whole = whole.try_as_plain_ram()?;
        let whole = whole.as_slice::<f32>()?;
        let patch = patch.map(Tensor::try_as_plain_ram).transpose()?;
        let patch = match &patch {
            Some(patch) => patch.as_slice::<f32>()?,
            None => &[],
        };
        let fill = f32::from_bits(self.fill);

        let mut tile_shape: TVec<usize> = shape.into();
        tile_shape[row..row + 2].copy_from_slice(&self.extent);
        let mut tile = Tensor::zero::<f32>(&tile_shape)?;
        let mut view = tile.try_as_plain_ram_mut()?;
        let mut lines = view.as_slice_mut::<f32>()?.chunks_exact_mut((self.extent[1] * inner).max(1));
        let mut next = || lines.next().unwrap_or_default();
        for block in 0..outer {
            (0..rows.before).for_each(|_| next().fill(fill));
            for y in rows.inside.clone() {
                let (before, line) = next().split_at_mut(columns.before * inner);
                let (line, after) = line.split_at_mut(columns.inside.len() * inner);
                before.fill(fill);
                after.fill(fill);
                let old = &whole[(block * length[0] + y) * length[1] * inner..][..length[1] * inner];
                if !new_rows.contains(&y) || new_columns.is_empty() {
                    line.copy_from_slice(&old[columns.inside.start * inner..columns.inside.end * inner]);
                    continue;
                }
                let (left, line) = line.split_at_mut((new_columns.start - columns.inside.start) * inner);
                let (middle, right) = line.split_at_mut(new_columns.len() * inner);
                left.copy_from_slice(&old[columns.inside.start * inner..new_columns.start * inner]);
                right.copy_from_slice(&old[new_columns.end * inner..columns.inside.end * inner]);
                let patch_row = block * patch_shape[0] + (y as i64 - patch_at[0]) as usize;
                let from = patch_row * patch_shape[1] + (new_columns.start as i64 - patch_at[1]) as usize;
                middle.copy_from_slice(&patch[from * inner..][..new_columns.len() * inner]);
            }
            (0..rows.after).for_each(|_| next().fill(fill));
        }
        Ok(tile)
    }
}

impl Op for CutTile {
    fn name(&self) -> StaticName {
        "CutTile".into()
    }

    op_as_typed_op!();
}

impl EvalOp for CutTile {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let patch = inputs.get(2).map(|patch| &**patch);
        Ok(tvec![self.cut(&inputs[0], &inputs[1], patch)?.into_tvalue()])
    }
}

impl TypedOp for CutTile {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let mut shape: TVec<TDim> = inputs[1].shape.to_tvec();
        for (axis, extent) in (self.row..).zip(self.extent) {
            shape[axis] = extent.into();
        }
        Ok(tvec![f32::fact(shape)])
    }

    /// The table of places stays as it is; rows and columns must stay neighbours.
    fn change_axes(
        &self,
        _model: &TypedModel,
        node: &TypedNode,
        io: InOut,
        change: &AxisOp,
    ) -> TractResult<Option<AxisChangeConsequence>> {
        let rows = change.transform_axis(self.row);
        let columns = change.transform_axis(self.row + 1);
        let Some((row, _)) = rows.zip(columns).filter(|(row, column)| row + 1 == *column) else { return Ok(None) };
        if io == InOut::In(0) {
            return Ok(None);
        }
        let wires = (1..node.inputs.len()).map(InOut::In).chain([InOut::Out(0)]);
        Ok(Some(AxisChangeConsequence {
            substitute_op: Some(Box::new(CutTile { row, ..self.clone() })),
            wire_changes: wires.map(|wire| (wire, change.clone())).collect(),
        }))
    }

    as_op!();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(op: &CutTile, places: &[i64], whole: &Tensor, patch: Option<&Tensor>) -> Vec<f32> {
        let places = Tensor::from_shape(&[places.len() / 2, 2], places).unwrap();
        let tile = op.cut(&places, whole, patch).unwrap();
        assert_eq!(&tile.shape()[op.row..op.row + 2], &op.extent);
        tile.try_as_plain_ram().unwrap().as_slice::<f32>().unwrap().to_vec()
    }

    #[test]
    fn a_tile_is_filled_outside_old_around_and_new_in_the_patch() {
        // One channel of 3 rows and 4 columns.
        let whole = Tensor::from_shape(&[1, 3, 4], &(0..12).map(|i| i as f32).collect::<Vec<_>>()).unwrap();
        let patch = Tensor::from_shape(&[1, 2, 2], &[50.0, 51.0, 60.0, 61.0_f32]).unwrap();
        let fill = (-1.0_f32).to_bits();
        let op = CutTile { place: 0, patch: Some(1), extent: [3, 4], row: 1, fill };
        let found = cut(&op, &[-1, 1, 1, 2], &whole, Some(&patch));
        assert_eq!(found, [-1.0, -1.0, -1.0, -1.0, 1.0, 2.0, 3.0, -1.0, 5.0, 50.0, 51.0, -1.0]);
        // The patch hangs over the tile's edge, and another lies beside it.
        let found = cut(&CutTile { extent: [1, 2], ..op.clone() }, &[2, 3, 1, 2], &whole, Some(&patch));
        assert_eq!(found, [61.0, -1.0]);
        let found = cut(&CutTile { extent: [2, 2], ..op.clone() }, &[0, 0, 1, 2], &whole, Some(&patch));
        assert_eq!(found, [0.0, 1.0, 4.0, 5.0]);
        let found = cut(&CutTile { extent: [2, 2], patch: None, ..op.clone() }, &[7, -9], &whole, None);
        assert_eq!(found, [-1.0; 4]);
    }

    #[test]
    fn channels_last_move_together() {
        let whole = Tensor::from_shape(&[2, 2, 3], &(0..12).map(|i| i as f32).collect::<Vec<_>>()).unwrap();
        let patch = Tensor::from_shape(&[1, 1, 3], &[70.0, 71.0, 72.0_f32]).unwrap();
        let op = CutTile { place: 0, patch: Some(1), extent: [2, 1], row: 0, fill: 0 };
        assert_eq!(cut(&op, &[0, 1, 1, 1], &whole, Some(&patch)), [3.0, 4.0, 5.0, 70.0, 71.0, 72.0]);
    }
}
