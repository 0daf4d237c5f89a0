internal import Glibc

/// The size of a terminal's window, in characters.
public struct TerminalSize: Equatable, Sendable {
    /// The width and the height.
    public let columns, rows: Int

    /// Creates a size.
    public init(columns: Int, rows: Int) { (self.columns, self.rows) = (columns, rows) }
}

extension InheritedDescriptor {
    /// The size of the terminal; nil if it is none, or has no size.
    public var terminalSize: TerminalSize? {
        var size = winsize()
        guard unsafe ioctl(number, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return nil
        }
        return TerminalSize(columns: Int(size.ws_col), rows: Int(size.ws_row))
    }
}
