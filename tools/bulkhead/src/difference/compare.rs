//! How two values of one kind differ.

use super::{Change, How};
use crate::board::without;
use bulkhead_plan::Span;
use std::collections::BTreeSet;

/// What only one of two sets has.
pub(super) fn sets<T: Ord>(old: &BTreeSet<T>, new: &BTreeSet<T>, name: impl Fn(&T) -> String) -> Vec<Change> {
    let lost = old.difference(new).map(|it| Change { how: How::Lost, what: name(it) });
    let gained = new.difference(old).map(|it| Change { how: How::Gained, what: name(it) });
    lost.chain(gained).collect()
}

/// The addresses that only one of two lists covers.
pub(super) fn spans(old: &[Span], new: &[Span], name: impl Fn(Span) -> String) -> Vec<Change> {
    let minus = |from: &[Span], what: &[Span]| {
        what.iter().fold(from.to_vec(), |rest, hole| {
            rest.into_iter().flat_map(|it| without(it, *hole)).collect::<Vec<_>>()
        })
    };
    let lost = minus(old, new).into_iter().map(|span| Change { how: How::Lost, what: name(span) });
    let gained = minus(new, old).into_iter().map(|span| Change { how: How::Gained, what: name(span) });
    lost.chain(gained).collect()
}

/// What both have, if it is said in other words.
pub(super) fn said(what: &str, [old, new]: &[String; 2]) -> Option<Change> {
    let joint = if new.contains(',') || old.contains(',') { ";" } else { "," };
    let what = format!("{what} {new}{joint} not {old}");
    (old != new).then_some(Change { how: How::Changed, what })
}
