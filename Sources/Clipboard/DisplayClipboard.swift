internal import Platform

/// The clipboard of a display, by a program that reads and writes it.
struct DisplayClipboard: Equatable {
    /// The program that writes it, by its name.
    private enum Kind: String, CaseIterable {
        case wayland = "wl-copy"
        case xclip
        case xsel

        /// The variable that names the display.
        var variable: String { self == .wayland ? "WAYLAND_DISPLAY" : "DISPLAY" }
    }

    private let kind: Kind
    /// The path of the program.
    let path: String
    /// The display's name.
    let display: String

    /// The name of the program.
    var program: String { kind.rawValue }

    /// Finds the first display with a program for its clipboard.
    static func find() -> DisplayClipboard? {
        for kind in Kind.allCases {
            guard let display = ClipboardEnvironment.value(kind.variable),
                let path = ChildProgram.find(kind.rawValue)
            else { continue }
            // Without wl-paste nothing would tell whether the clipboard still holds the value.
            if kind == .wayland, ChildProgram.find("wl-paste") == nil { continue }
            return DisplayClipboard(kind: kind, path: path, display: display)
        }
        return nil
    }

    private init(kind: Kind, path: String, display: String) {
        (self.kind, self.path, self.display) = (kind, path, display)
    }

    /// Returns the one with the given program; nil if that is not a known one.
    init?(path: String, display: String) {
        guard let kind = Kind(rawValue: Path.name(of: path)) else { return nil }
        self.init(kind: kind, path: path, display: display)
    }

    /// The programs that copy their standard input; each is run if the one before it failed.
    ///
    /// Each is killed after a while, since the display or the clipboard's owner may not answer.
    var copying: [ChildProgram] {
        switch kind {
        case .wayland:
            // Without a type it would ask another program to guess one from the value. Versions before 2.3
            // refuse --sensitive, which asks clipboard managers not to keep the value.
            [["--type", "text/plain", "--sensitive"], ["--type", "text/plain"]].map { ChildProgram(path, $0) }
        case .xclip: [ChildProgram(path, ["-selection", "clipboard", "-in"])]
        case .xsel: [ChildProgram(path, ["--clipboard", "--input"])]
        }
    }

    /// The program that prints the clipboard.
    var pasting: ChildProgram {
        switch kind {
        case .wayland: ChildProgram(ChildProgram.find("wl-paste") ?? "wl-paste", ["--no-newline"])
        case .xclip: ChildProgram(path, ["-selection", "clipboard", "-out"])
        case .xsel: ChildProgram(path, ["--clipboard", "--output"])
        }
    }

    /// The program that clears the clipboard, with nothing on its standard input.
    var clearing: ChildProgram {
        switch kind {
        case .wayland: ChildProgram(path, ["--clear"])
        case .xclip: ChildProgram(path, ["-selection", "clipboard", "-in"])
        case .xsel: ChildProgram(path, ["--clipboard", "--clear"])
        }
    }
}
