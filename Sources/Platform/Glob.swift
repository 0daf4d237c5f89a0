internal import Glibc

/// Patterns with `*`, `?` and `[…]`, as the shell has them.
public enum Glob {
    /// Whether the whole of `text` matches `pattern`.
    public static func matches(_ text: String, _ pattern: String) -> Bool {
        unsafe fnmatch(pattern, text, 0) == 0
    }
}
