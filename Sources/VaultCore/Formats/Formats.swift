/// A dialect of `NAME=value` files: the way in which one kind of program reads them.
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

    /// The dialects of programs that read files named `.env`; without a named dialect, they must agree.
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

    /// True if its programs accept only UTF-8.
    var needsText: Bool { self == .python || self == .node || self == .systemd }
}

/// A format in which secrets are written for other programs.
public enum ExportFormat: Hashable, Sendable {
    /// Lines of `NAME=value` for one dialect; without one, for all of them at once.
    case dotenv(DotenvDialect?)
    /// A JSON object that maps names to strings, or to objects with a value and metadata.
    case json
    /// Commands for a POSIX shell.
    case sh
    /// Commands for fish.
    case fish
    /// Lines for `docker run --env-file`, without quotes.
    case docker

    /// Every format, the most general first.
    public static let all: [ExportFormat] =
        [.json, .sh, .fish, .docker, .dotenv(nil)] + DotenvDialect.allCases.map { .dotenv($0) }

    /// The name on the command line: `json`, `dotenv`, `dotenv --dialect node`.
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

/// A format from which secrets are imported.
public enum ImportFormat: Hashable, Sendable {
    /// Lines of `NAME=value` as one dialect reads them; without one, as python-dotenv, node and direnv read
    /// them alike.
    case dotenv(DotenvDialect?)
    /// A JSON object that maps names to strings, or to objects with a value and metadata.
    case json
}

/// The reason why a text cannot be read.
public struct UnreadableText: Error, Equatable, Sendable {
    /// The number of the line, counted from 1.
    public let line: Int
    /// The problem.
    public let reason: Reason

    /// A problem with a line.
    public enum Reason: Equatable, Sendable {
        /// It is not an assignment, or its quotes do not end as the dialect requires.
        case malformed
        /// Its value would depend on other variables or on a command.
        case expands
        /// Programs that read such files disagree about it.
        case disagreement
        /// The name cannot be a secret's name.
        case invalidName
        /// The value has more than 1 MiB.
        case valueTooLong
        /// The text is not UTF-8.
        case notText
        /// The value is not a string.
        case notAString
        /// The name occurs twice in one object.
        case repeatedName
        /// There is no memory for the values.
        case outOfMemory
    }

    /// Creates an error about a line.
    public init(line: Int, _ reason: Reason) {
        self.line = line
        self.reason = reason
    }
}
