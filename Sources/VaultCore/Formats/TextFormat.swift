/// A way to read lines of `NAME=value`; each is what one kind of program makes of them.
public enum DotenvDialect: String, CaseIterable, Sendable {
    /// A POSIX shell that reads the file with `.`: bash, dash, zsh.
    case posix
    /// python-dotenv 0.21 and newer.
    case python
    /// `node --env-file`, Node.js 20 and newer.
    case node
    /// `dotenv` of direnv 2.32 and newer.
    case direnv
    /// `EnvironmentFile=` of systemd.
    case systemd

    /// The dialects of programs that read files named `.env`, which must agree where no dialect is named.
    static let family: [DotenvDialect] = [.python, .node, .direnv]

    var reader: any StatementReader {
        switch self {
        case .posix: PosixReader()
        case .python: PythonReader()
        case .node: NodeReader()
        case .direnv: DirenvReader()
        case .systemd: SystemdReader()
        }
    }

    /// Whether its programs take text in UTF-8 alone.
    var needsText: Bool { self == .python || self == .node || self == .systemd }
}

/// A form in which secrets are written for other programs.
public enum ExportFormat: Hashable, Sendable {
    /// Lines of `NAME=value` for one dialect; without one, for all of them at once.
    case dotenv(DotenvDialect?)
    /// One object, name to string.
    case json
    /// Commands for a POSIX shell.
    case sh
    /// Commands for fish.
    case fish
    /// What `docker run --env-file` reads: no quotes, one line each.
    case docker

    /// Every format, the most careful first.
    public static let all: [ExportFormat] =
        [.json, .sh, .fish, .docker, .dotenv(nil)] + DotenvDialect.allCases.map { .dotenv($0) }

    /// How a person names it: `json`, `dotenv`, `dotenv --dialect node`.
    public var words: String {
        switch self {
        case .dotenv(nil): "dotenv"
        case .dotenv(let dialect?): "dotenv --dialect \(dialect.rawValue)"
        case .json: "json"
        case .sh: "sh"
        case .fish: "fish"
        case .docker: "docker"
        }
    }
}

/// A form in which secrets are read from elsewhere.
public enum ImportFormat: Hashable, Sendable {
    /// Lines of `NAME=value` as one dialect reads them; without one, as python-dotenv, node and direnv do alike.
    case dotenv(DotenvDialect?)
    /// One object, name to string.
    case json
}

/// Why a text was not read.
public struct UnreadableText: Error, Equatable, Sendable {
    /// The number of the line, counted from 1.
    public let line: Int
    /// What is wrong with it.
    public let reason: Reason

    /// What can be wrong with a line.
    public enum Reason: Equatable, Sendable {
        /// It is no assignment, or its quotes do not end as the dialect wants it.
        case malformed
        /// Its value would depend on other variables or on a command.
        case expands
        /// Programs that read such files disagree about it.
        case disagreement
        /// What stands there cannot be a secret's name.
        case invalidName
        /// The value has more than 1 MiB.
        case valueTooLong
        /// The text is not UTF-8.
        case notText
        /// The value is no string.
        case notAString
        /// The name stands twice in one object.
        case repeatedName
        /// There is no memory for the values.
        case outOfMemory
    }

    /// An error in a line.
    public init(line: Int, _ reason: Reason) {
        self.line = line
        self.reason = reason
    }
}
