//! Finds values in an outline: by path, by place in the text, and what to underline for them.

use std::ops::Range;

use super::outline::{Outline, Step, first_line};

impl<'t> Outline<'t> {
    pub(super) fn slice(&self, span: &Range<usize>) -> &'t str {
        self.text.get(span.clone()).unwrap_or("")
    }

    /// The name before a value's bracket, or the bare word that the value is.
    pub(super) fn name(&self, value: usize) -> Option<&'t str> {
        self.values[value].name.as_ref().map(|name| self.slice(name))
    }

    pub(super) fn is_list(&self, value: usize) -> bool {
        self.values[value].open.is_some_and(|open| self.text[open..].starts_with('['))
    }

    pub(super) fn children(&self, value: usize) -> impl Iterator<Item = usize> + '_ {
        let end = self.values[value].span.end;
        (value + 1..self.values.len())
            .take_while(move |&other| self.values[other].span.start < end)
            .filter(move |&other| self.values[other].parent == Some(value))
    }

    /// The path from the whole experiment to a value.
    pub(super) fn path(&self, value: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut value = value;
        while let Some(parent) = self.values[value].parent {
            if let Some(key) = &self.values[value].key {
                steps.push(Step::Field(self.slice(key).to_owned()));
            } else if self.is_list(parent) {
                steps.push(Step::Index(self.children(parent).take_while(|&other| other < value).count()));
            }
            steps.extend(self.variant(parent));
            value = parent;
        }
        steps.reverse();
        steps
    }

    /// The path of a value followed by its own name: where its fields begin.
    pub(super) fn path_inside(&self, value: usize) -> Vec<Step> {
        let mut path = self.path(value);
        path.extend(self.variant(value));
        path
    }

    fn variant(&self, value: usize) -> Option<Step> {
        let name = self.name(value).filter(|&name| name != "Some");
        name.map(|name| Step::Variant(name.to_owned()))
    }

    /// The value at a path such as `fits[0].restarts`, or the nearest one around it that is written, and whether the
    /// path was followed to its end. `Variant(..)` around a single value is passed through.
    pub(super) fn find(&self, path: &str) -> Option<(usize, bool)> {
        let mut value = (!self.values.is_empty()).then_some(0)?;
        for step in steps(path) {
            let mut around = value;
            value = loop {
                let found = match &step {
                    Step::Index(index) if self.is_list(around) => self.children(around).nth(*index),
                    Step::Field(field) => self.children(around).find(|&child| self.key(child) == Some(field)),
                    _ => None,
                };
                if let Some(found) = found {
                    break found;
                }
                let mut children = self.children(around);
                match (children.next(), children.next()) {
                    (Some(only), None) if self.values[only].key.is_none() && !self.is_list(around) => around = only,
                    _ => return Some((value, false)),
                }
            };
        }
        Some((value, true))
    }

    pub(super) fn key(&self, value: usize) -> Option<&'t str> {
        self.values[value].key.as_ref().map(|key| self.slice(key))
    }

    /// The value that a reader which stopped at `at` was busy with: the innermost one around or beginning at `at`, or,
    /// between two values, the one before.
    pub(super) fn value_at(&self, at: usize) -> Option<usize> {
        let around = self.values.iter().rposition(|value| value.span.contains(&at));
        let Some(around) = around else {
            return self.values.iter().rposition(|value| value.span.end <= at);
        };
        let head_end = self.values[around].open.map_or(at, |open| open);
        if at <= head_end {
            return Some(around);
        }
        let before = self.children(around).filter(|&child| self.values[child].span.end <= at).last();
        Some(before.unwrap_or(around))
    }

    /// What to underline for a value: all of it on one line, otherwise its head.
    pub(super) fn spot(&self, value: usize) -> Range<usize> {
        let span = &self.values[value].span;
        if self.slice(span).contains('\n') { self.head(value) } else { span.clone() }
    }

    /// What to underline for a value that should be something else: all of it on one line, otherwise how it begins.
    pub(super) fn beginning(&self, value: usize) -> Range<usize> {
        let value = &self.values[value];
        match (&value.name, value.open) {
            _ if !self.slice(&value.span).contains('\n') => value.span.clone(),
            (Some(name), _) => name.clone(),
            (None, Some(open)) => open..open + 1,
            (None, None) => first_line(self.text, &value.span),
        }
    }

    /// The name before the bracket, or else the key, or else the bracket.
    pub(super) fn head(&self, value: usize) -> Range<usize> {
        let value = &self.values[value];
        match (&value.name, &value.key, value.open) {
            (Some(name), ..) => name.clone(),
            (None, Some(key), Some(_)) => key.clone(),
            (None, None, Some(open)) => open..open + 1,
            (None, _, None) => first_line(self.text, &value.span),
        }
    }
}

/// A path such as `data.mixture.weights[2]`, step by step.
fn steps(path: &str) -> impl Iterator<Item = Step> + '_ {
    path.split(['.', '[']).filter(|part| !part.is_empty()).map(|part| match part.strip_suffix(']') {
        Some(index) => index.parse().map_or_else(|_| Step::Field(part.to_owned()), Step::Index),
        None => Step::Field(part.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written<'t>(outline: &Outline<'t>, path: &str) -> (&'t str, bool) {
        let (value, whole) = outline.find(path).unwrap();
        (outline.slice(&outline.values[value].span), whole)
    }

    #[test]
    fn a_path_leads_through_variants_lists_and_struct_names() {
        let outline =
            Outline::new("Experiment(a: [Em(n: 1), Em(n: Some(Known(Full([[1.5, 2], [3, 4]]))))], b: (c: 'x'))");
        assert!(outline.fault.is_none());
        assert_eq!(written(&outline, "a[0].n"), ("1", true));
        assert_eq!(written(&outline, "a[1].n[0][1]"), ("2", true));
        assert_eq!(written(&outline, "b.c"), ("'x'", true));
        assert_eq!(written(&outline, "b"), ("(c: 'x')", true));
        assert_eq!(written(&outline, "").0.len(), outline.text.len());
    }

    #[test]
    fn a_value_that_is_absent_is_found_at_the_nearest_one_around_it() {
        let outline = Outline::new("(model: (prior: (k: 1)), fits: [Em()])");
        assert_eq!(written(&outline, "model.prior.scale[3]"), ("(k: 1)", false));
        assert_eq!(written(&outline, "fits[0].restarts"), ("Em()", false));
        assert_eq!(written(&outline, "fits[7].restarts"), ("[Em()]", false));
        assert_eq!(written(&outline, "nothing.at.all[0]"), (outline.text, false));
        assert!(Outline::new("").find("a").is_none());
    }

    #[test]
    fn brackets_commas_and_colons_inside_quotes_and_comments_do_not_count() {
        let text = r####"
            // ( [ "
            (a: "(,:\"[", /* { /* ( */ " */ b: r##""#)],"##, c: '"', d: '\'', e: b"\")", f /* : */ : // x: (
             [1, /* , */ 2], r#g: br#"""#, h: b'(', i: "a\\")"####;
        let outline = Outline::new(text);
        assert!(outline.fault.is_none(), "{:?}", outline.fault);
        for (path, value) in [
            ("a", r#""(,:\"[""#),
            ("b", r###"r##""#)],"##"###),
            ("c", "'\"'"),
            ("d", r"'\''"),
            ("e", r#"b"\")""#),
            ("f[1]", "2"),
            ("r#g", r##"br#"""#"##),
            ("h", "b'('"),
            ("i", r#""a\\""#),
        ] {
            assert_eq!(written(&outline, path), (value, true));
        }
    }

    /// A random nest of values with, for each leaf, its path, its place, and that of the value at its path (which is
    /// `Known(leaf)` where the leaf stands in one), built from a small congruential generator.
    struct Nest {
        state: u64,
        text: String,
        leaves: Vec<(String, Range<usize>, Range<usize>)>,
    }

    impl Nest {
        fn pick(&mut self, n: u64) -> usize {
            self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((self.state >> 33) % n) as usize
        }

        fn any(&mut self, choices: &[&'static str]) -> &'static str {
            choices[self.pick(choices.len() as u64)]
        }

        fn blank(&mut self) {
            let blank = self.any(&["", " ", "\n  ", "/* ) */", "// ]\n", "/* /* \" */ */"]);
            self.text.push_str(blank);
        }

        fn value(&mut self, depth: usize, path: &str) {
            let kind = if depth == 0 { 9 } else { self.pick(6) };
            match kind {
                0 | 1 => self.group('[', ']', depth, path),
                2 | 3 => {
                    let name = self.any(&["", "Em", "Csv ", "r#x"]);
                    self.text.push_str(name);
                    self.group('(', ')', depth, path);
                }
                4 => {
                    let start = self.text.len();
                    self.text.push_str("Known(");
                    self.blank();
                    self.value(depth - 1, path);
                    self.blank();
                    self.text.push(')');
                    for (_, _, outer) in self.leaves.iter_mut().filter(|(other, ..)| other == path) {
                        *outer = start..self.text.len();
                    }
                }
                _ => {
                    let leaf =
                        self.any(&["1", "-2.5e-3", "\"a ) \\\" b\"", "r#\"x\"]\"#", "Flat", "true", "'('", "'\\''"]);
                    let span = self.text.len()..self.text.len() + leaf.len();
                    self.leaves.push((path.to_owned(), span.clone(), span));
                    self.text.push_str(leaf);
                }
            }
        }

        fn group(&mut self, open: char, close: char, depth: usize, path: &str) {
            self.text.push(open);
            for i in 0..2 + self.pick(3) {
                self.blank();
                let inner = match open {
                    '[' => format!("{path}[{i}]"),
                    _ => {
                        self.text.push_str(&format!("f{i}:"));
                        format!("{path}.f{i}")
                    }
                };
                self.blank();
                self.value(depth - 1, &inner);
                self.blank();
                self.text.push(',');
            }
            self.blank();
            self.text.push(close);
        }
    }

    #[test]
    fn every_leaf_of_random_nests_is_found_by_its_path_and_by_its_place() {
        for seed in 0..300 {
            let mut nest = Nest { state: seed, text: String::new(), leaves: Vec::new() };
            nest.group('(', ')', 5, "");
            let outline = Outline::new(&nest.text);
            assert!(outline.fault.is_none(), "{:?} in {}", outline.fault, nest.text);
            for (path, span, outer) in &nest.leaves {
                let (value, whole) = outline.find(path).unwrap();
                assert_eq!((&outline.values[value].span, whole), (outer, true), "{path} in {}", nest.text);
                for at in span.clone() {
                    let leaf = outline.value_at(at).unwrap();
                    assert_eq!(&outline.values[leaf].span, span, "{path} in {}", nest.text);
                }
            }
        }
    }

    #[test]
    fn a_nest_of_a_million_brackets_is_only_a_fault() {
        for bracket in ["(", "[", "a(", "(a:", "{"] {
            let text = bracket.repeat(1_000_000);
            assert!(Outline::new(&text).fault.is_some());
        }
    }
}
