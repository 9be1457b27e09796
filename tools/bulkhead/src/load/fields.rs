//! Takes a TOML table apart, key by key.
//!
//! What was never asked for is unknown, so the set of known keys is written once: where they are read.

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
}

impl<'t> Fields<'t> {
    /// The keys of `table`, which a person calls `what` and which begins at `site`.
    pub(crate) fn new(table: &'t DeTable<'t>, file: usize, site: Site, what: &'static str) -> Self {
        Self { table, file, site, what, known: Vec::new() }
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
        self.optional(key, report)
    }

    /// The value of a key; `None` if it is not there, or after a fault was filed.
    pub(crate) fn optional<T: FromToml>(
        &mut self,
        key: &'static str,
        report: &mut Report,
    ) -> Option<Located<T>> {
        self.known.push(key);
        let value = self.find(key)?;
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
        let value = self.find(key)?;
        self.inner(value, what, report)
    }

    /// The tables `[[key]]`.
    pub(crate) fn tables(
        &mut self,
        key: &'static str,
        what: &'static str,
        report: &mut Report,
    ) -> Vec<Fields<'t>> {
        self.known.push(key);
        match self.find(key).map(|value| (value, value.get_ref())) {
            None => Vec::new(),
            Some((_, DeValue::Array(items))) => {
                items.iter().filter_map(|item| self.inner(item, what, report)).collect()
            }
            Some((value, _)) => self.inner(value, what, report).into_iter().collect(),
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
        self.table(key, what, report)
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

    fn inner(
        &self,
        value: &'t Spanned<DeValue<'t>>,
        what: &'static str,
        report: &mut Report,
    ) -> Option<Fields<'t>> {
        let site = report.site(self.file, value.span());
        match value.get_ref() {
            DeValue::Table(table) => Some(Fields::new(table, self.file, site, what)),
            other => {
                let title = format!("{what} is a table, not a value of type {}", other.type_str());
                report.push(Diagnostic::new(Code::TypeWrong, title).at(&site, "wrong type"));
                None
            }
        }
    }
}
