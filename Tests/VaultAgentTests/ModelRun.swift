import VaultCore

/// A step whose observation differs from the model's.
struct Mismatch: CustomStringConvertible {
    /// The index of the step, from 0; after the last step, that of the final check.
    let step: Int
    let operation: Operation
    let observed: Observation
    let expected: Observation

    var description: String { "step \(step), \(operation):\n  it shows \(observed)\n  not      \(expected)" }
}

/// Runs histories in a world, and compares each step with a model.
struct ModelRun {
    let world: ModelWorld
    /// Creates the model of a new vault.
    var model: () -> PlainModel = { PlainModel() }

    /// Runs the steps on a new vault.
    ///
    /// - Returns: the first difference from the model.
    func run(_ operations: [Operation]) throws -> Mismatch? {
        try world.begin()
        var model = model()
        for (step, operation) in operations.enumerated() {
            if let mismatch = compare(operation, step, &model) { return mismatch }
            for look in looks(after: operation, step) {
                if let mismatch = compare(look, step, &model) { return mismatch }
            }
        }
        for look in everything(model) {
            if let mismatch = compare(look, operations.count, &model) { return mismatch }
        }
        let defects = try world.defects()
        return defects.isEmpty
            ? nil
            : Mismatch(
                step: operations.count, operation: .list(.file), observed: .surprise("\(defects)"),
                expected: .done)
    }

    private func compare(_ operation: Operation, _ step: Int, _ model: inout PlainModel) -> Mismatch? {
        let expected = model.perform(operation)
        let observed = world.perform(operation)
        guard observed != expected else { return nil }
        return Mismatch(step: step, operation: operation, observed: observed, expected: expected)
    }

    /// The reads that follow each step: the list of secrets, by each actor in turn, and the secrets that the step changed.
    private func looks(after operation: Operation, _ step: Int) -> [Operation] {
        let actor = Actor.allCases[step % 3]
        switch operation {
        case .commit(let changes, _):
            return changes.suffix(1).flatMap {
                [
                    .history($0.secret, actor), .value($0.secret, version: 0, actor),
                    .metadata($0.secret, version: 0, actor),
                ]
            }
        case .delete(let secret, _), .undo(let secret, _):
            return [
                .history(secret, actor), .value(secret, version: 0, actor), .metadataHistory(secret, actor),
            ]
        case .describe(let secret, _, _), .undoMetadata(let secret, _):
            return [
                .metadataHistory(secret, actor), .metadata(secret, version: 0, actor),
                .history(secret, actor),
            ]
        default: return [.list(actor)]
        }
    }

    /// The reads at the end: everything, by each actor.
    private func everything(_ model: PlainModel) -> [Operation] {
        var looks: [Operation] = [.unlock]
        for actor in Actor.allCases {
            looks += [.refresh(actor), .list(actor), .described(actor), .summary(actor)]
            for (secret, versions) in model.state.versions {
                looks.append(.history(secret, actor))
                for version in versions.indices { looks.append(.value(secret, version: version, actor)) }
            }
            for (secret, versions) in model.state.described {
                looks.append(.metadataHistory(secret, actor))
                for version in 0...versions.count {
                    looks.append(.metadata(secret, version: version, actor))
                }
            }
        }
        return looks
    }
}

/// Shortens a failing sequence by delta debugging, then by simpler steps.
struct Shrinker {
    /// Returns whether a sequence still fails.
    let fails: ([Operation]) -> Bool
    /// The maximum number of sequences to try.
    var budget = 4000

    mutating func shrink(_ operations: [Operation]) -> [Operation] {
        var (best, before) = (operations, [Operation]())
        repeat {
            before = best
            dropChunks(&best)
            simplify(&best)
        } while best != before && budget > 0
        return best
    }

    private mutating func stillFails(_ operations: [Operation]) -> Bool {
        guard budget > 0 else { return false }
        budget -= 1
        return fails(operations)
    }

    /// Drops all that is not needed, in ever smaller pieces, down to single steps.
    private mutating func dropChunks(_ best: inout [Operation]) {
        var size = max(best.count / 2, 1)
        while true {
            var end = best.count
            // It starts at the end, since earlier steps are needed more often.
            while end > 0 {
                let start = max(end - size, 0)
                var shorter = best
                shorter.removeSubrange(start..<end)
                if stillFails(shorter) { best = shorter }
                end = min(start, best.count)
            }
            if size == 1 { return }
            size /= 2
        }
    }

    /// Replaces each step by simpler ones as long as the sequence fails.
    private mutating func simplify(_ best: inout [Operation]) {
        for index in best.indices {
            var goesOn = true
            while goesOn {
                goesOn = false
                for simpler in best[index].simpler where simpler != best[index] {
                    var candidate = best
                    candidate[index] = simpler
                    if stillFails(candidate) {
                        best = candidate
                        goesOn = true
                        break
                    }
                }
            }
        }
    }
}
