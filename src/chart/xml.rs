//! Text within XML, as SVG needs it.

/// Text that can stand in an element or within a quoted attribute: `&`, `<`, `>`, `"` and `'` are
/// written as entities.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn what_xml_reads_as_markup_is_escaped_once() {
        assert_eq!(escape("a < b & \"c\" > 'd'"), "a &lt; b &amp; &quot;c&quot; &gt; &#39;d&#39;");
        assert_eq!(escape("&amp;"), "&amp;amp;");
        assert_eq!(escape("µs, 12.5×"), "µs, 12.5×");
    }
}
