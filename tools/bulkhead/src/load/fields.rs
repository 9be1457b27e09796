//! Takes a TOML table apart, key by key.
//!
//! What was never asked for is unknown, so the set of known keys is written once: where they are read.

use super::shape::{Content, Key, Need, Shape};
use super::value::FromToml;
use crate::diagnostic::{Code, Diagnostic, Located, Report, Site, did_you_mean};
use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

/// A table whose keys are being read.
pub(crate) struct Fields<'t> {
    table: &'t DeTable<'t>,
    file: usize,
    site: Site,
    what: &'static str,
    known: Vec<&'static str>,
    /// The path of its keys: which file, and the tables around it.
    path: String,
    /// Where to write down what is asked for, if that is what is wanted.
    shape: Option<Shape>,
}

impl<'t> Fields<'t> {
    /// The keys of `table`, which a person calls `what` and which begins at `site`.
    pub(crate) fn new(table: &'t DeTable<'t>, file: usize, site: Site, what: &'static str) -> Self {
        Self { table, file, site, what, known: Vec::new(), path: String::new(), shape: None }
    }

    /// The keys of what is called `path`.
    pub(crate) fn called(self, path: String) -> Self {
        Self { path, ..self }
    }

    /// Writes down every key that is asked for.
    pub(crate) fn describing(self, shape: &Shape) -> Self {
        Self { shape: Some(Shape::clone(shape)), ..self }
    }

    /// Where the table begins.
    pub(crate) fn site(&self) -> &Site {
        &self.site
    }

    /// The value of a key that must be there; `None` after a fault was filed.
    pub(crate) fn required<T: FromToml>(
        &mut self,
        key: &'static str,
        report: &mut Report,
    ) -> Option<Located<T>> {
        self.demand(key, &format!("`{key}`, {}", T::expected()), report);
        let value = self.optional(key, report);
        self.note_need(Need::Required);
        value
    }

    /// The value of a key that must be there unless the key `unless` is true, as it is if `is_excused`.
    pub(crate) fn required_unless<T: FromToml>(
        &mut self,
        key: &'static str,
        (unless, is_excused): (&'static str, bool),
        report: &mut Report,
    ) -> Option<Located<T>> {
        let value = if is_excused { self.optional(key, report) } else { self.required(key, report) };
        self.note_need(Need::Unless(unless));
        value
    }

    /// The value of a key; `None` if it is not there, or after a fault was filed.
    pub(crate) fn optional<T: FromToml>(
        &mut self,
        key: &'static str,
        report: &mut Report,
    ) -> Option<Located<T>> {
        self.known.push(key);
        self.note(key, || Content::Value(T::schema()));
        let value = self.find_or_default(key, report)?;
        T::from_toml(value, self.file, report)
    }

    /// The table `[key]`.
    pub(crate) fn table(
        &mut self,
        key: &'static str,
        what: &'static str,
        report: &mut Report,
    ) -> Option<Fields<'t>> {
        self.known.push(key);
        if let Some(inside) = self.note_table(key, Content::Table) {
            return Some(inside);
        }
        let value = self.find_or_default(key, report)?;
        self.inner(key, value, what, report)
    }

    /// The tables `[[key]]`.
    pub(crate) fn tables(
        &mut self,
        key: &'static str,
        what: &'static str,
        report: &mut Report,
    ) -> Vec<Fields<'t>> {
        self.known.push(key);
        if let Some(inside) = self.note_table(key, Content::Tables) {
            return vec![inside];
        }
        match self.find_or_default(key, report).map(|value| (value, value.get_ref())) {
            None => Vec::new(),
            Some((_, DeValue::Array(items))) => {
                items.iter().filter_map(|item| self.inner(key, item, what, report)).collect()
            }
            Some((value, _)) => self.inner(key, value, what, report).into_iter().collect(),
        }
    }

    /// The table `[key]`, which must be there.
    pub(crate) fn required_table(
        &mut self,
        key: &'static str,
        what: &'static str,
        report: &mut Report,
    ) -> Option<Fields<'t>> {
        self.demand(key, what, report);
        let table = self.table(key, what, report);
        self.note_need(Need::Required);
        table
    }

    /// The tables `[[key]]`, of which there must be one.
    pub(crate) fn required_tables(
        &mut self,
        key: &'static str,
        what: &'static str,
        report: &mut Report,
    ) -> Vec<Fields<'t>> {
        self.demand(key, what, report);
        let tables = self.tables(key, what, report);
        self.note_need(Need::Required);
        if tables.is_empty()
            && let Some(value) = self.find(key)
        {
            let title = format!("`{key}` is empty in {}", self.what);
            let site = report.site(self.file, value.span());
            report
                .push(Diagnostic::new(Code::KeyMissing, title).at(&site, "none").help(format!("add {what}")));
        }
        tables
    }

    /// Files every key that nobody asked for.
    pub(crate) fn finish(self, report: &mut Report) {
        let unknown = self.table.keys().filter(|key| !self.known.contains(&key.get_ref().as_ref()));
        for key in unknown {
            let name = key.get_ref().as_ref();
            let site = report.site(self.file, key.span());
            let guess = did_you_mean(name, self.known.iter().copied());
            let known = format!("known here: {}", self.known.join(", "));
            let title = format!("unknown key `{name}` in {}", self.what);
            report.push(
                Diagnostic::new(Code::KeyUnknown, title).at(&site, "not known").note(known).help_if(guess),
            );
        }
    }

    fn note(&self, name: &'static str, value: impl FnOnce() -> Content) {
        if let Some(shape) = &self.shape {
            shape.borrow_mut().push(Key { name, need: Need::Optional, value: value() });
        }
    }

    /// Of the key that was asked for last.
    fn note_need(&self, need: Need) {
        let last = |shape: &Shape| shape.borrow_mut().last_mut().into_iter().for_each(|key| key.need = need);
        self.shape.iter().for_each(last);
    }

    /// A table that is only described: the fields that are asked for inside.
    fn note_table(&self, name: &'static str, value: impl FnOnce(Shape) -> Content) -> Option<Fields<'t>> {
        self.shape.as_ref()?;
        let inside = Shape::default();
        self.note(name, || value(Shape::clone(&inside)));
        Some(Fields::new(self.table, self.file, self.site.clone(), self.what).describing(&inside))
    }

    fn demand(&self, key: &str, what: &str, report: &mut Report) {
        if self.find(key).is_none() {
            let title = format!("`{key}` is missing in {}", self.what);
            let help = format!("add {what}");
            report.push(Diagnostic::new(Code::KeyMissing, title).at(&self.site, "needs it").help(help));
        }
    }

    fn find(&self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.table.get(key)
    }

    /// The value of a key; that it is not there is worth knowing, for then there is a default.
    fn find_or_default(&self, key: &str, report: &mut Report) -> Option<&'t Spanned<DeValue<'t>>> {
        let value = self.find(key);
        if value.is_none() {
            report.take_default(&self.site, format!("{}{key}", self.path));
        }
        value
    }

    fn inner(
        &self,
        key: &str,
        value: &'t Spanned<DeValue<'t>>,
        what: &'static str,
        report: &mut Report,
    ) -> Option<Fields<'t>> {
        let site = report.site(self.file, value.span());
        match value.get_ref() {
            DeValue::Table(table) => {
                Some(Fields::new(table, self.file, site, what).called(format!("{}{key}.", self.path)))
            }
            other => {
                let title = format!("{what} is a table, not a value of type {}", other.type_str());
                report.push(Diagnostic::new(Code::TypeWrong, title).at(&site, "wrong type"));
                None
            }
        }
    }
}
