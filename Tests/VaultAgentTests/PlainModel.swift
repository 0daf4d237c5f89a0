import VaultFile
import VaultCore

/// The observable result of a step.
enum Observation: Equatable {
    case done
    /// The step had nothing to act on.
    case nothing
    case bool(Bool)
    case value([UInt8])
    case secrets([SecretID])
    case names([String])
    case history([SecretVersion])
    case metadata(Words)
    /// The secret that applies, then those that it shadows.
    case resolution([SecretID])
    /// The number of secrets, the number of versions, and the file's generation.
    case numbers(secrets: Int, versions: Int, generation: UInt64)
    /// A change was committed; true if an unfinished tail was saved.
    case committed(setTailAside: Bool)
    /// The vault was opened; true if an unfinished tail was reported.
    case opened(hasTail: Bool)
    case compacted(dropped: Int, kept: Int, generation: UInt64, setTailAside: Bool)
    case failed(VaultError)
    /// A result that is always wrong.
    case surprise(String)
}

/// A model of a vault as a dictionary, without files, frames and agents.
struct PlainModel {
    struct Version: Equatable {
        let time: UInt64
        let value: Bytes?
    }

    /// A version of metadata.
    struct Described: Equatable {
        let time: UInt64
        let words: Words
    }

    struct State {
        /// Newest first.
        var versions: [SecretID: [Version]] = [:]
        /// Newest first.
        var described: [SecretID: [Described]] = [:]
        var generation: UInt64 = 1

        /// How many versions there are.
        var count: Int { versions.values.joined().count + described.values.joined().count }

        func exists(_ secret: SecretID) -> Bool { versions[secret]?.first?.value != nil }
    }

    static let start: UInt64 = 1_767_225_600_000

    /// The scopes that apply in a context, strongest first.
    var precedence: (Context) -> [Scope] = { context in
        [context.project.map(Scope.project), context.cluster.map(Scope.cluster), .team].compactMap(\.self)
    }
    private(set) var now = PlainModel.start
    private(set) var state = State()
    private(set) var isUnlocked = true
    /// The state that each open file last read; the agent always reads the present one.
    private var views: [Actor: State] = [:]
    private var backups: [Int: State] = [:]
    private var hasTail = false

    /// Returns the state that an actor has read.
    func view(_ actor: Actor) -> State { views[actor] ?? state }

    init() {
        views[.file] = state
        views[.other] = state
    }

    /// Runs a step, and returns the result that it must have.
    mutating func perform(_ operation: Operation) -> Observation {
        let isLocked = operation.actor == .agent && !isUnlocked
        if operation.actor.map({ refreshes(operation, $0) }) == true, let actor = operation.actor {
            takeIn(actor)
        }
        if operation.hasBadName { return .failed(.invalidName) }
        if isLocked, let observation = whenLocked(operation) { return observation }
        switch operation {
        case .commit(let changes, let actor): return commit(changes, actor)
        case .delete(let secret, let actor):
            guard state.exists(secret) else { return .failed(.noSuchSecret) }
            return commit([.delete(secret)], actor)
        case .undo(let secret, let actor): return undo(secret, actor)
        case .describe(let secret, let words, let actor): return describe(secret, words, actor)
        case .undoMetadata(let secret, let actor): return undoMetadata(secret, actor)
        case .commitIfUnchanged(let changes, let secret, let part, let actor):
            let seen = history(secret, part, view(actor)).first
            takeIn(actor)
            guard history(secret, part, state).first == seen else {
                return .failed(.file(.changedMeanwhile))
            }
            return commit(changes, actor)
        case .refresh: return .done
        case .reopen: return .opened(hasTail: hasTail)
        case .compact(let keep, _): return compact(keep)
        case .backup(let slot, _):
            backups[slot] = state
            return numbers(state)
        case .restore(let slot, _):
            guard let backup = backups[slot] else { return .nothing }
            (state, hasTail) = (backup, false)
            return numbers(state)
        case .lock, .unlock:
            isUnlocked = operation == .unlock
            return .done
        case .clock(let milliseconds):
            now = UInt64(max(Int(now) + milliseconds, 0))
            return .done
        case .garbage, .killed:
            hasTail = true
            return .done
        default: return read(operation)
        }
    }

    private func refreshes(_ operation: Operation, _ actor: Actor) -> Bool {
        switch operation {
        case .delete, .undo, .describe, .undoMetadata, .refresh, .reopen: actor != .agent
        default: false
        }
    }

    private mutating func takeIn(_ actor: Actor) { if actor != .agent { views[actor] = state } }

    private func whenLocked(_ operation: Operation) -> Observation? {
        switch operation {
        case .refresh: .done
        case .restore(let slot, _) where backups[slot] == nil: .nothing
        default: .failed(.locked)
        }
    }

    private mutating func commit(_ changes: [Change], _ actor: Actor) -> Observation {
        for change in changes {
            switch change {
            case .set(let secret, let value): add(value, to: secret)
            case .delete(let secret): add(nil, to: secret)
            case .describe(let secret, let words):
                let known = state.described[secret] ?? []
                let time = max(now, known.first.map { $0.time + 1 } ?? 0)
                state.described[secret] = [Described(time: time, words: words)] + known
            }
        }
        takeIn(actor)
        defer { hasTail = false }
        return .committed(setTailAside: hasTail)
    }

    private mutating func add(_ value: Bytes?, to secret: SecretID) {
        let known = state.versions[secret] ?? []
        let time = max(now, known.first.map { $0.time + 1 } ?? 0)
        state.versions[secret] = [Version(time: time, value: value)] + known
    }

    private mutating func undo(_ secret: SecretID, _ actor: Actor) -> Observation {
        guard let versions = state.versions[secret] else { return .failed(.noSuchSecret) }
        guard versions.count > 1 else { return .failed(.noSuchVersion) }
        let value: Change = versions[1].value.map { .set(secret, $0) } ?? .delete(secret)
        // Metadata that were set together with the value are undone together with it.
        let isJoint = state.described[secret]?.first?.time == versions[0].time
        return commit([value] + (isJoint ? [.describe(secret, wordsBefore(secret))] : []), actor)
    }

    private func wordsBefore(_ secret: SecretID) -> Words {
        state.described[secret]?.dropFirst().first?.words ?? Words(count: 0)
    }

    private mutating func describe(_ secret: SecretID, _ words: Words, _ actor: Actor) -> Observation {
        guard state.exists(secret) else { return .failed(.noSuchSecret) }
        let present = state.described[secret]?.first?.words ?? Words(count: 0)
        if words == present { return .committed(setTailAside: false) }
        return commit([.describe(secret, words)], actor)
    }

    private mutating func undoMetadata(_ secret: SecretID, _ actor: Actor) -> Observation {
        guard let newest = state.described[secret]?.first, let value = state.versions[secret]?.first,
            value.value != nil, value.time < newest.time
        else { return .bool(false) }
        return commit([.describe(secret, wordsBefore(secret))], actor)
    }

    private func history(_ secret: SecretID, _ part: Part, _ state: State) -> [SecretVersion] {
        if part == .metadata {
            return (state.described[secret] ?? []).map { SecretVersion(time: $0.time, isDeletion: false) }
        }
        return (state.versions[secret] ?? []).map {
            SecretVersion(time: $0.time, isDeletion: $0.value == nil)
        }
    }

    private mutating func compact(_ keep: Keep) -> Observation {
        let before = state.count
        func kept<V>(_ versions: [V], _ time: (V) -> UInt64) -> [V] {
            versions.enumerated().filter { index, _ in
                guard index > 0 else { return true }
                return switch keep {
                case .all: true
                case .none: false
                case .age(let age): time(versions[index - 1]) >= now - min(age, now)
                }
            }.map(\.element)
        }
        state.versions = state.versions.mapValues { kept($0, \.time) }
        state.described = state.described.mapValues { kept($0, \.time) }
        state.generation += 1
        let kept = state.count
        defer { hasTail = false }
        return .compacted(
            dropped: before - kept, kept: kept, generation: state.generation, setTailAside: hasTail)
    }

    private func read(_ operation: Operation) -> Observation {
        let view = view(operation.actor ?? .agent)
        switch operation {
        case .value(let secret, let version, _):
            guard let versions = view.versions[secret], version > 0 || versions[0].value != nil else {
                return .failed(.noSuchSecret)
            }
            guard version < versions.count, let value = versions[version].value else {
                return .failed(.noSuchVersion)
            }
            return .value(value.bytes)
        case .valueAt(let secret, let ago, _):
            let version = view.versions[secret]?.first { $0.time <= UInt64(max(Int(now) - ago, 0)) }
            return version?.value.map { .value($0.bytes) } ?? .nothing
        case .history(let secret, _): return .history(history(secret, .value, view))
        case .metadataHistory(let secret, _): return .history(history(secret, .metadata, view))
        case .metadata(let secret, let version, _):
            return .metadata(view.described[secret]?.dropFirst(version).first?.words ?? Words(count: 0))
        case .described: return .secrets(sorted(view.described.keys))
        case .contains(let secret, _): return .bool(view.exists(secret))
        case .list: return .secrets(list(view))
        case .names(let scope, _): return .names(list(view).filter { $0.scope == scope }.map(\.name))
        case .resolve(let name, let context, _):
            let found = precedence(context).map { SecretID(name, in: $0) }.filter(view.exists)
            return .resolution(found)
        case .effective(let context, _):
            let names = Set(list(view).map(\.name)).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            return .secrets(
                names.compactMap { name in
                    precedence(context).map { SecretID(name, in: $0) }.first(where: view.exists)
                })
        case .summary: return numbers(view)
        default: return .surprise("no reading: \(operation)")
        }
    }

    /// Every secret, in the order in which sessions return them.
    private func list(_ state: State) -> [SecretID] { sorted(state.versions.keys.filter(state.exists)) }

    private func sorted(_ secrets: some Sequence<SecretID>) -> [SecretID] {
        func key(_ secret: SecretID) -> String {
            [secret.scope.word, secret.scope.id, secret.name].compactMap(\.self).joined(separator: "\t")
        }
        return secrets.sorted { key($0).utf8.lexicographicallyPrecedes(key($1).utf8) }
    }

    private func numbers(_ state: State) -> Observation {
        .numbers(
            secrets: state.versions.keys.count(where: state.exists),
            versions: state.count, generation: state.generation)
    }
}

extension Operation {
    /// The actor of the step; nil if it has none.
    var actor: Actor? {
        switch self {
        case .commit(_, let actor), .delete(_, let actor), .undo(_, let actor), .value(_, _, let actor),
            .valueAt(_, _, let actor), .history(_, let actor), .contains(_, let actor), .list(let actor),
            .names(_, let actor), .resolve(_, _, let actor), .effective(_, let actor), .summary(let actor),
            .refresh(let actor), .reopen(let actor), .compact(_, let actor), .backup(_, let actor),
            .restore(_, let actor), .describe(_, _, let actor), .undoMetadata(_, let actor),
            .commitIfUnchanged(_, _, _, let actor), .metadata(_, _, let actor),
            .metadataHistory(_, let actor), .described(let actor):
            actor
        case .lock, .unlock, .clock, .garbage, .killed: nil
        }
    }

    /// True if the step contains an invalid name.
    fileprivate var hasBadName: Bool {
        switch self {
        case .commit(let changes, _), .killed(let changes, _):
            changes.contains { !SecretID.isValidName($0.secret.name) }
        case .commitIfUnchanged(let changes, let secret, _, _):
            ([secret] + changes.map(\.secret)).contains { !SecretID.isValidName($0.name) }
        case .delete(let secret, _), .undo(let secret, _), .value(let secret, _, _),
            .valueAt(let secret, _, _), .history(let secret, _), .contains(let secret, _),
            .describe(let secret, _, _), .undoMetadata(let secret, _), .metadata(let secret, _, _),
            .metadataHistory(let secret, _):
            !SecretID.isValidName(secret.name)
        case .resolve(let name, _, _): !SecretID.isValidName(name)
        default: false
        }
    }
}

extension Change {
    /// The secret that the step changes.
    var secret: SecretID {
        switch self {
        case .set(let secret, _), .delete(let secret), .describe(let secret, _): secret
        }
    }
}
