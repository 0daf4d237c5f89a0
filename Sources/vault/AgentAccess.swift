internal import CommandSyntax
internal import Platform
internal import VaultAgent
internal import VaultKit

/// What the verbs ask of the agent.
enum AgentAccess {
    /// A session about the vault at `path`; nil if it is locked.
    ///
    /// An agent that cannot be used is as good as none, but not without a word.
    static func session(for path: String) throws(Failure) -> (any Session)? {
        try ifUnlocked(path) { agent throws(AgentError) in try agent.session(for: path) }
    }

    /// A session about the vault at `path`, for who must not say a word; nil if there is none.
    static func quietSession(for path: String) -> (any Session)? {
        do throws(AgentError) {
            return try Agent().session(for: path)
        } catch {
            return nil
        }
    }

    /// What the agent tells about the vault at `path`; nil if it is locked.
    static func status(of path: String) throws(Failure) -> AgentStatus? {
        try ifUnlocked(path) { agent throws(AgentError) in try agent.status(of: path) }
    }

    /// Somebody who does jobs with the key of the vault at `path`; nil if it is locked.
    static func worker(for path: String) throws(Failure) -> (any Worker)? {
        try ifUnlocked(path) { agent throws(AgentError) in try agent.worker(for: path) } ?? nil
    }

    /// Makes an agent that has the vault at `path` unlocked take the file that was put there; if it cannot, it is locked.
    ///
    /// An agent goes by the mark itself; this is for one that has none, or the key of another vault.
    static func adopt(_ path: String) {
        guard let agent = try? Agent() else { return }
        do throws(AgentError) {
            _ = try agent.status(of: path)
        } catch .vault(.file) {
            guard let worker = try? agent.worker(for: path) else { return }
            if (try? worker.accept(Locations.realPath(of: path))) == nil { try? agent.lock(path) }
        } catch {
            return
        }
    }

    private static func ifUnlocked<R>(_ path: String, _ body: (Agent) throws(AgentError) -> R) throws(Failure)
        -> R?
    {
        do throws(AgentError) {
            return try body(try Agent())
        } catch .notRunning, .vault(.locked) {
            return nil
        } catch {
            let failure = Failure(error, path: path)
            if case .vault = error { throw failure }
            Output.warn(failure.message)
            if let hint = failure.hint { Output.note("vault: hint: \(hint)") }
            return nil
        }
    }
}

extension Failure {
    /// What the agent, or the way to it, says in words.
    init(_ error: AgentError, path: String) {
        switch error {
        case .notRunning: self.init(.locked, "\(path) is locked", hint: "unlock it with 'vault unlock'")
        case .folderNotPrivate:
            self.init(
                .other,
                "the agent's folder \(Locations.runtimeFolder ?? "") is not yours, or others can look into it",
                hint: "make it yours alone: mode 700")
        case .foreign: self.init(.other, "the agent's socket belongs to another user; nothing was sent to it")
        case .otherVersion(let version):
            self.init(
                .other,
                "the agent speaks version \(version) of its protocol, this vault version \(AgentProtocol.version)",
                hint: "end it with 'vault lock --all', then unlock again with 'vault unlock'")
        case .lost: self.init(.other, "the agent does not answer", hint: "end it with 'vault lock --all'")
        case .malformed:
            self.init(
                .other, "the agent does not keep to its protocol", hint: "end it with 'vault lock --all'")
        case .wouldLengthen:
            self.init(.usage, "only the passphrase can lengthen the time that the vault stays unlocked")
        case .cannotStart(.system(let error)): self.init(error, "cannot start the agent")
        case .cannotStart(.folderNotPrivate): self.init(AgentError.folderNotPrivate, path: path)
        case .cannotStart(.alreadyRunning): self.init(.other, "another agent is running")
        case .vault(let error): self.init(error, path: path)
        }
    }
}

extension ValueFormat where Value == UInt64 {
    /// A duration such as `90s`, `15m`, `1h` or `7d`, in milliseconds.
    static var duration: Self {
        Self("a duration such as 90s, 15m, 1h or 7d") { Duration.parse($0) }
    }
}

/// A span of time in words.
enum Duration {
    /// Milliseconds; nil if the text is none.
    static func parse(_ text: String) -> UInt64? {
        let units: [Character: UInt64] = ["s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
        guard let last = text.last, let unit = units[last], text.utf8.first != UInt8(ascii: "+"),
            let number = UInt64(text.dropLast()), number > 0
        else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit)
        return overflow || product > AgentProtocol.mostDuration ? nil : product
    }

    /// The largest unit and the one below it, such as `11h 59m`, `40d` or `42s`; parts of a second count as one.
    static func words(milliseconds: UInt64) -> String {
        let seconds = (milliseconds + 999) / 1000
        let units: [(String, UInt64)] = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)]
        guard let first = units.firstIndex(where: { seconds >= $0.1 }) else { return "0s" }
        var rest = seconds
        var parts: [String] = []
        for (name, size) in units[first...].prefix(2) {
            if rest >= size { parts.append("\(rest / size)\(name)") }
            rest %= size
        }
        return parts.joined(separator: " ")
    }
}

extension AgentStatus {
    /// When the vault is locked, in words.
    var deadlines: String {
        let sleep = locksOnSleep ? ", and when the machine slept" : ""
        return "in \(Duration.words(milliseconds: idleLeft)) without use, "
            + "in \(Duration.words(milliseconds: totalLeft)) at the latest" + sleep
    }
}
