//! A parameter's value, one step up or down: for changing it with two keys, whatever its range.

use crate::explain::{ParamKind, Value};

/// Whole numbers and numbers whose range spans more than this go in steps of 1, 2, 5, 10, 20, ...
const WIDE: f64 = 100.0;
/// Steps of a number with a narrow range, from its smallest to its largest value.
const STEPS: f64 = 20.0;

/// The next value of the kind above or below `value`; the same at the end of its range. A choice goes around.
pub(super) fn stepped(kind: &ParamKind, value: &Value, up: bool) -> Value {
    match (kind, value) {
        (ParamKind::Integer { min, max, .. }, Value::Integer(value)) => {
            let next = if *max - *min > WIDE as i64 { ladder(*value as f64, up).round() as i64 } else { *value };
            let next = if next == *value { value.saturating_add(if up { 1 } else { -1 }) } else { next };
            Value::Integer(next.clamp(*min, *max))
        }
        (ParamKind::Real { min, max, .. }, Value::Real(value)) => {
            let next = if *min > 0.0 && max / min > WIDE || max - min > WIDE {
                ladder(*value, up)
            } else {
                let step = (max - min) / STEPS;
                let count = ((value - min) / step).round() + if up { 1.0 } else { -1.0 };
                // Rounded, so that ten steps of 0.05 are 0.5 and not nearly.
                ((min + count * step) * 1e9).round() / 1e9
            };
            Value::Real(next.clamp(*min, *max))
        }
        (ParamKind::Choice { options, .. }, Value::Choice(value)) => {
            let position = options.iter().position(|option| option == value).unwrap_or(0);
            let next = if up { position + 1 } else { position + options.len() - 1 };
            options
                .get(next % options.len().max(1))
                .map_or_else(|| Value::Choice(value.clone()), |o| Value::Choice((*o).into()))
        }
        (_, Value::Flag(value)) => Value::Flag(!value),
        _ => value.clone(),
    }
}

/// The neighbour of a positive number in 1, 2, 5, 10, 20, 50, ... (and 0.5, 0.2, ...); of others, themselves.
fn ladder(value: f64, up: bool) -> f64 {
    if value <= 0.0 {
        return value;
    }
    let unit = 10f64.powf(value.log10().floor());
    let share = value / unit;
    let rungs = [0.5, 1.0, 2.0, 5.0, 10.0, 20.0];
    let near = 1e-6;
    let next = if up {
        rungs.into_iter().find(|rung| *rung > share + near)
    } else {
        rungs.into_iter().rev().find(|rung| *rung < share - near)
    };
    next.map_or(value, |rung| rung * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_ranges_are_climbed_in_a_few_steps_and_not_left() {
        let kind = ParamKind::Integer { default: 1000, min: 1, max: 5000 };
        let up = |value| stepped(&kind, &Value::Integer(value), true);
        let down = |value| stepped(&kind, &Value::Integer(value), false);
        assert_eq!([up(1000), up(700), up(5000)], [2000, 1000, 5000].map(Value::Integer));
        assert_eq!([down(1000), down(700), down(1)], [500, 500, 1].map(Value::Integer));
    }

    #[test]
    fn narrow_ranges_go_in_even_steps() {
        let kind = ParamKind::Real { default: 0.5, min: 0.0, max: 1.0 };
        let mut value = Value::Real(0.0);
        for _ in 0..10 {
            value = stepped(&kind, &value, true);
        }
        assert_eq!(value, Value::Real(0.5));
        let few = ParamKind::Integer { default: 4, min: 2, max: 16 };
        assert_eq!(stepped(&few, &Value::Integer(4), true), Value::Integer(5));
    }

    #[test]
    fn zero_can_be_left_and_words_go_around() {
        let kind = ParamKind::Integer { default: 0, min: 0, max: 1000 };
        assert_eq!(stepped(&kind, &Value::Integer(0), true), Value::Integer(1));
        let kind = ParamKind::Choice { default: "grid", options: &["grid", "slic"] };
        assert_eq!(stepped(&kind, &Value::Choice("slic".into()), true), Value::Choice("grid".into()));
        assert_eq!(stepped(&ParamKind::Flag { default: false }, &Value::Flag(false), false), Value::Flag(true));
    }
}
