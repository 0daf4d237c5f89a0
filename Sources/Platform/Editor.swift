internal import Glibc

/// A command line that opens an editor, and what is known of that editor.
public struct Editor: Sendable {
    /// The command line, which a path follows.
    public let command: String
    /// The name of the program, as its documentation calls it.
    public let program: String
    /// True if it has the file opened by a process that this one did not start, or in a sandbox.
    ///
    /// Such a process cannot open a ``MemoryFile``.
    public let opensElsewhere: Bool
    /// True if it runs in a sandbox, which may have a runtime directory of its own.
    public let isSandboxed: Bool
    /// The option without which it returns before the file was edited; nil if it is there or none is needed.
    public let missingOption: String?
    /// An option in the command line because of which it returns before the file was edited.
    public let unwantedOption: String?

    /// Looks at a command line, of which the shell's quotes and variables are not understood.
    public init(_ command: String) {
        let words = Editor.words(command)
        let (index, program, isSandboxed) = Editor.program(of: words)
        let known = Editor.known(program)
        let options = words.dropFirst(index + 1)
        let isRemote = Editor.isVim(program) && options.contains { $0.hasPrefix("--remote") }
        self.command =
            Editor.isVim(program)
            ? command + " -n -i NONE --cmd 'set noswapfile nobackup nowritebackup noundofile'" : command
        self.program = program
        self.isSandboxed = isSandboxed
        opensElsewhere = isSandboxed || isRemote || known?.opensElsewhere == true
        missingOption = Editor.missingOption(known, options)
        unwantedOption =
            isRemote
            ? options.first { $0.hasPrefix("--remote") && !$0.contains("wait") }
            : known?.leaving.first { Editor.has($0, options) }
    }

    /// The command line for a ``PrivateFile``, which a sandbox of Flatpak is allowed to open.
    public func command(for file: borrowing PrivateFile) -> String {
        guard isSandboxed, let start = command.firstRange(of: " run ") else { return command }
        let allowed = "--filesystem=xdg-run/\(Path.name(of: Path.directory(of: file.path)))"
        return command.hasPrefix("snap ")
            ? command : command[..<start.upperBound] + allowed + " " + command[start.upperBound...]
    }

    /// A way in which some editors treat the file that they are told to open.
    private struct Behaviour {
        let opensElsewhere: Bool
        /// The options that make it wait, the one to recommend first; empty if it always waits.
        var waiting: [String] = []
        /// The options that keep it from waiting.
        var leaving: [String] = []
    }

    private static let behaviours: [([String], Behaviour)] = [
        (
            [
                "code", "code-insiders", "code-oss", "codium", "codium-insiders", "vscodium", "cursor",
                "windsurf", "positron", "subl", "sublime_text", "sublime-text", "atom", "pulsar", "mate",
                "zed", "zeditor", "zedit", "gedit", "pluma", "xed",
            ], Behaviour(opensElsewhere: true, waiting: ["--wait", "-w"])
        ),
        (
            [
                "idea", "pycharm", "webstorm", "goland", "clion", "rubymine", "phpstorm", "rider",
                "rustrover", "studio",
            ], Behaviour(opensElsewhere: true, waiting: ["--wait"])
        ),
        (["kate"], Behaviour(opensElsewhere: true, waiting: ["--block", "-b"])),
        (["gnome-text-editor"], Behaviour(opensElsewhere: true, waiting: ["--standalone", "-s"])),
        (["geany"], Behaviour(opensElsewhere: true, waiting: ["--new-instance", "-i"])),
        (["mousepad"], Behaviour(opensElsewhere: true, waiting: ["--disable-server"])),
        (["emacsclient"], Behaviour(opensElsewhere: true, leaving: ["--no-wait", "-n"])),
        (["nvr"], Behaviour(opensElsewhere: true, waiting: ["--remote-wait"])),
        (["gvim", "mvim"], Behaviour(opensElsewhere: false, waiting: ["-f", "--nofork"])),
    ]

    /// The names of packages of Flatpak, by the end of their identifiers.
    private static let packages = [
        "texteditor": "gnome-text-editor", "three": "subl", "oss": "code", "vim": "gvim",
    ]

    private static func known(_ program: String) -> Behaviour? {
        behaviours.first { $0.0.contains(program) }?.1
    }

    private static func isVim(_ program: String) -> Bool {
        ["vim", "nvim", "gvim", "mvim"].contains(program)
    }

    private static func missingOption(_ known: Behaviour?, _ options: ArraySlice<String>) -> String? {
        guard let known, let first = known.waiting.first else { return nil }
        return known.waiting.contains { has($0, options) } ? nil : first
    }

    /// Returns true if the options contain this one, a single letter also among others as in `-nw`.
    private static func has(_ option: String, _ options: ArraySlice<String>) -> Bool {
        if option.hasPrefix("--") { return options.contains(option) }
        return options.contains { word in
            word.hasPrefix("-") && !word.hasPrefix("--") && word.contains(option.last ?? "-")
        }
    }

    private static func words(_ command: String) -> [String] {
        command.split { $0 == " " || $0 == "\t" }.map { word in
            String(word.filter { $0 != "'" && $0 != "\"" })
        }
    }

    /// Finds the program among the words.
    ///
    /// - Returns: the index of the word that names it, the name, and whether another program runs it in a
    ///   sandbox.
    private static func program(of words: [String]) -> (Int, String, Bool) {
        var index = 0
        while index < words.count - 1,
            ["env", "exec", "command", "nohup"].contains(Path.name(of: words[index]))
                || words[index].contains("=") || (index > 0 && words[index].hasPrefix("-"))
        {
            index += 1
        }
        guard index < words.count else { return (0, "", false) }
        let wrapper = Path.name(of: words[index])
        guard ["flatpak", "snap"].contains(wrapper) else { return (index, name(words[index]), false) }
        var inner = index + 1
        while inner < words.count - 1, words[inner] == "run" || words[inner].hasPrefix("-") { inner += 1 }
        guard inner < words.count else { return (index, wrapper, true) }
        let last = words[inner].split(separator: ".").last.map { $0.lowercased() } ?? ""
        return (inner, wrapper == "flatpak" ? packages[last] ?? last : last, true)
    }

    /// Returns the name of a program; of the one that a link such as `vi` leads to, if that is the one known.
    private static func name(_ word: String) -> String {
        let own = stem(word)
        if known(own) != nil || isVim(own) { return own }
        guard let path = Path.isAbsolute(word) ? word : ChildProgram.find(word),
            let target = try? Path.resolvingLinks(path)
        else { return own }
        let other = stem(target)
        return known(other) != nil || isVim(other) ? other : own
    }

    /// The name of a file without what follows a full stop, as in `vim.basic`.
    private static func stem(_ path: String) -> String {
        let name = Path.name(of: path)
        return String(name.split(separator: ".").first ?? Substring(name))
    }
}
