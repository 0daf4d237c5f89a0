import VaultCore

extension Operation {
    /// Simpler steps that may fail in the same way.
    var simpler: [Operation] {
        switch self {
        case .commit(let changes, let actor):
            let fewer = changes.count < 2 ? [] : changes.indices.map { changes.without($0) }
            let others = changes.indices.flatMap { index in
                changes[index].simpler.map { changes.with($0, at: index) }
            }
            return (fewer + others).map { .commit($0, actor) } + actor.simpler.map { .commit(changes, $0) }
        case .killed(let changes, let permille):
            let fewer = changes.count < 2 ? [] : changes.indices.map { changes.without($0) }
            return fewer.map { .killed($0, permille: permille) }
                + [.garbage(Bytes(count: 1, seed: 0)), .killed(changes, permille: 500)]
        case .garbage: return [.garbage(Bytes(count: 1, seed: 0))]
        case .delete(let secret, let actor):
            return [.commit([.delete(secret)], actor)] + secret.simpler.map { .delete($0, actor) }
                + actor.simpler.map { .delete(secret, $0) }
        case .undo(let secret, let actor): return actor.simpler.map { .undo(secret, $0) }
        case .describe(let secret, let words, let actor):
            return [.commit([.describe(secret, words)], actor)]
                + secret.simpler.map { .describe($0, words, actor) }
                + words.simpler.map { .describe(secret, $0, actor) }
                + actor.simpler.map { .describe(secret, words, $0) }
        case .undoMetadata(let secret, let actor):
            return secret.simpler.map { .undoMetadata($0, actor) }
                + actor.simpler.map { .undoMetadata(secret, $0) }
        case .commitIfUnchanged(let changes, let secret, let part, let actor):
            let fewer = changes.count < 2 ? [] : changes.indices.map { changes.without($0) }
            return [.commit(changes, actor)]
                + fewer.map { .commitIfUnchanged($0, secret, part, actor) }
                + secret.simpler.map { .commitIfUnchanged(changes, $0, part, actor) }
        case .metadata(let secret, let version, let actor):
            return (version > 0 ? [.metadata(secret, version: version - 1, actor)] : [])
                + actor.simpler.map { .metadata(secret, version: version, $0) }
        case .value(let secret, let version, let actor):
            return (version > 0 ? [.value(secret, version: version - 1, actor)] : [])
                + actor.simpler.map { .value(secret, version: version, $0) }
        case .compact(let keep, let actor):
            return (keep == .none ? [] : [.compact(.none, actor)])
                + actor.simpler.map { .compact(keep, $0) }
        case .reopen(let actor): return [.refresh(actor)]
        default: return []
        }
    }
}

extension Change {
    fileprivate var simpler: [Change] {
        switch self {
        case .set(let secret, let value):
            let shorter = [Bytes(count: 0, seed: 0), Bytes(count: 1, seed: 0)].filter { $0 != value }
            // An empty value is simpler than one byte, and one byte than many.
            let values = value.count == 0 ? [] : value.count == 1 ? Array(shorter.prefix(1)) : shorter
            return values.map { .set(secret, $0) } + secret.simpler.map { .set($0, value) }
        case .delete(let secret): return secret.simpler.map { .delete($0) }
        case .describe(let secret, let words):
            return words.simpler.map { .describe(secret, $0) } + secret.simpler.map { .describe($0, words) }
        }
    }
}

extension Words {
    fileprivate var simpler: [Words] { [0, 1].filter { $0 < count }.map { Words(count: $0) } }
}

extension SecretID {
    fileprivate var simpler: [SecretID] {
        (scope == .team ? [] : [SecretID(name, in: .team)]) + (name == "A" ? [] : [SecretID("A", in: scope)])
    }
}

extension Actor {
    fileprivate var simpler: [Actor] { Actor.allCases.filter { $0.rawValue < rawValue } }
}

extension [Change] {
    fileprivate func without(_ index: Int) -> [Change] {
        var result = self
        result.remove(at: index)
        return result
    }

    fileprivate func with(_ change: Change, at index: Int) -> [Change] {
        var result = self
        result[index] = change
        return result
    }
}

/// The steps as Swift source, to be pasted into a test.
extension Operation: CustomStringConvertible {
    var description: String {
        switch self {
        case .commit(let changes, let actor): ".commit(\(changes), .\(actor))"
        case .delete(let secret, let actor): ".delete(\(secret.text), .\(actor))"
        case .undo(let secret, let actor): ".undo(\(secret.text), .\(actor))"
        case .describe(let secret, let words, let actor): ".describe(\(secret.text), \(words), .\(actor))"
        case .undoMetadata(let secret, let actor): ".undoMetadata(\(secret.text), .\(actor))"
        case .commitIfUnchanged(let changes, let secret, let part, let actor):
            ".commitIfUnchanged(\(changes), \(secret.text), .\(part), .\(actor))"
        case .metadata(let secret, let version, let actor):
            ".metadata(\(secret.text), version: \(version), .\(actor))"
        case .metadataHistory(let secret, let actor): ".metadataHistory(\(secret.text), .\(actor))"
        case .described(let actor): ".described(.\(actor))"
        case .value(let secret, let version, let actor):
            ".value(\(secret.text), version: \(version), .\(actor))"
        case .valueAt(let secret, let ago, let actor):
            ".valueAt(\(secret.text), millisecondsAgo: \(ago), .\(actor))"
        case .history(let secret, let actor): ".history(\(secret.text), .\(actor))"
        case .contains(let secret, let actor): ".contains(\(secret.text), .\(actor))"
        case .list(let actor): ".list(.\(actor))"
        case .names(let scope, let actor): ".names(\(scope.text), .\(actor))"
        case .resolve(let name, let context, let actor):
            ".resolve(\"\(name)\", \(context.text), .\(actor))"
        case .effective(let context, let actor): ".effective(\(context.text), .\(actor))"
        case .summary(let actor): ".summary(.\(actor))"
        case .refresh(let actor): ".refresh(.\(actor))"
        case .reopen(let actor): ".reopen(.\(actor))"
        case .compact(let keep, let actor): ".compact(.\(keep), .\(actor))"
        case .backup(let slot, let actor): ".backup(\(slot), .\(actor))"
        case .restore(let slot, let actor): ".restore(\(slot), .\(actor))"
        case .lock: ".lock"
        case .unlock: ".unlock"
        case .clock(let milliseconds): ".clock(\(milliseconds))"
        case .garbage(let bytes): ".garbage(\(bytes))"
        case .killed(let changes, let permille): ".killed(\(changes), permille: \(permille))"
        }
    }
}

extension Change: CustomStringConvertible {
    var description: String {
        switch self {
        case .set(let secret, let value): ".set(\(secret.text), \(value))"
        case .delete(let secret): ".delete(\(secret.text))"
        case .describe(let secret, let words): ".describe(\(secret.text), \(words))"
        }
    }
}

extension SecretID {
    fileprivate var text: String { "SecretID(\"\(name)\", in: \(scope.text))" }
}

extension Scope {
    fileprivate var text: String { id.map { ".\(word)(\"\($0)\")" } ?? ".team" }
}

extension Context {
    fileprivate var text: String {
        let parts = [project.map { "project: \"\($0)\"" }, cluster.map { "cluster: \"\($0)\"" }]
        return "Context(\(parts.compactMap(\.self).joined(separator: ", ")))"
    }
}
