//! Parameters of methods: `NAME=VALUE` read and checked against the registry, defaults filled in.

use thiserror::Error;

use super::perturb::SUPERPIXEL_PARAMS;
use super::{MethodInfo, Param, ParamKind, Request, Value, Values};

/// A parameter that cannot be set so.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParameterError {
    /// The method has no such parameter.
    #[error("{method} has no parameter {name:?}: it takes {}", if known.is_empty() { "none".to_owned() } else { known.join(", ") })]
    Unknown {
        /// The method.
        method: &'static str,
        /// The parameter asked for.
        name: String,
        /// Those that it has.
        known: Vec<&'static str>,
    },
    /// The value is none that it takes.
    #[error("{name}={value:?}: {name} takes {domain}")]
    Value {
        /// The parameter.
        name: &'static str,
        /// What was to be its value.
        value: String,
        /// What it takes, in words.
        domain: String,
    },
}

impl Param {
    /// The value when none is given.
    pub fn default_value(&self) -> Value {
        match self.kind {
            ParamKind::Integer { default, .. } => Value::Integer(default),
            ParamKind::Real { default, .. } => Value::Real(default),
            ParamKind::Choice { default, .. } => Value::Choice(default.into()),
            ParamKind::Flag { default } => Value::Flag(default),
        }
    }

    /// What may be given, in words: `a whole number from 1 to 1000`.
    pub fn domain(&self) -> String {
        match self.kind {
            ParamKind::Integer { min, max, .. } => format!("a whole number from {min} to {max}"),
            ParamKind::Real { min, max, .. } => format!("a number from {min} to {max}"),
            ParamKind::Choice { options, .. } => format!("one of {}", options.join(", ")),
            ParamKind::Flag { .. } => "yes or no".into(),
        }
    }

    /// Reads a value from text.
    ///
    /// # Errors
    /// [`ParameterError::Value`], naming the parameter and what it takes.
    pub fn parse(&self, text: &str) -> Result<Value, ParameterError> {
        let value = match self.kind {
            ParamKind::Integer { min, max, .. } => {
                text.parse().ok().filter(|value| (min..=max).contains(value)).map(Value::Integer)
            }
            ParamKind::Real { min, max, .. } => {
                text.parse().ok().filter(|value| (min..=max).contains(value)).map(Value::Real)
            }
            ParamKind::Choice { options, .. } => options.contains(&text).then(|| Value::Choice(text.into())),
            ParamKind::Flag { .. } => match text {
                "yes" | "true" => Some(Value::Flag(true)),
                "no" | "false" => Some(Value::Flag(false)),
                _ => None,
            },
        };
        value.ok_or_else(|| self.refuses(text))
    }

    /// That it does not take a value.
    pub(super) fn refuses(&self, value: &str) -> ParameterError {
        ParameterError::Value { name: self.name, value: value.to_owned(), domain: self.domain() }
    }
}

/// As [`Param::parse`] reads it.
impl std::fmt::Display for Value {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Integer(value) => value.fmt(formatter),
            Value::Real(value) => value.fmt(formatter),
            Value::Choice(value) => value.fmt(formatter),
            Value::Flag(value) => if *value { "yes" } else { "no" }.fmt(formatter),
        }
    }
}

impl MethodInfo {
    /// Every parameter that it takes: its own, then those of the superpixels where it needs them.
    pub fn params(&self) -> impl Iterator<Item = &'static Param> {
        self.own_params.iter().chain(if self.needs.superpixels { SUPERPIXEL_PARAMS } else { &[] })
    }

    /// The parameter of that name.
    pub fn param(&self, name: &str) -> Option<&'static Param> {
        self.params().find(|param| param.name == name)
    }

    /// Reads `NAME=VALUE` settings.
    ///
    /// # Errors
    /// A name that the method does not have, or a value out of its range.
    pub fn parse_values<'a>(
        &self,
        settings: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Values, ParameterError> {
        let mut values = Values::new();
        for (name, text) in settings {
            let unknown = || {
                let known = self.params().map(|param| param.name).collect();
                ParameterError::Unknown { method: self.name, name: name.to_owned(), known }
            };
            let param = self.param(name).ok_or_else(unknown)?;
            values.insert(name.into(), param.parse(text)?);
        }
        Ok(values)
    }
}

/// The words of a table that gives each its meaning, for [`ParamKind::Choice`].
pub(super) const fn words<T, const N: usize>(meanings: &[(&'static str, T); N]) -> [&'static str; N] {
    let mut words = [""; N];
    let mut at = 0;
    while at < N {
        words[at] = meanings[at].0;
        at += 1;
    }
    words
}

impl Request {
    /// The value of a parameter: as given, else the default.
    pub fn value(&self, param: &Param) -> Value {
        self.values.get(param.name).cloned().unwrap_or_else(|| param.default_value())
    }

    /// The value of a parameter that is a whole number and not negative.
    pub fn count(&self, param: &Param) -> usize {
        if let Value::Integer(value) = self.value(param) { usize::try_from(value).unwrap_or_default() } else { 0 }
    }

    /// The value of a parameter that is a number.
    pub fn real(&self, param: &Param) -> f64 {
        match self.value(param) {
            Value::Real(value) => value,
            Value::Integer(value) => value as f64,
            _ => 0.0,
        }
    }

    /// What the value of a parameter means that is one of a few words; `meanings` is the table that [`words`] were taken
    /// from. A word that is not in it, which parsing lets nobody write, counts as the first.
    pub(super) fn choice<T: Copy, const N: usize>(&self, param: &Param, meanings: &[(&str, T); N]) -> T {
        let value = self.value(param);
        let is_meant = |(word, _): &&(&str, T)| matches!(&value, Value::Choice(chosen) if chosen == word);
        meanings.iter().find(is_meant).unwrap_or(&meanings[0]).1
    }

    /// The value of a parameter that is yes or no.
    pub fn flag(&self, param: &Param) -> bool {
        self.value(param) == Value::Flag(true)
    }
}
