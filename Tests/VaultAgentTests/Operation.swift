import VaultCore

/// The session that runs a step: an open file, that of a second process, or the agent.
enum Actor: Int, CaseIterable {
    case file, other, agent
}

/// A value that is given by its length and a seed.
struct Bytes: Equatable, CustomStringConvertible {
    var count: Int
    var seed: UInt64

    var bytes: [UInt8] {
        var random = ModelTests.Xorshift(state: (seed | 1) &* 0x9E37_79B9_7F4A_7C15)
        return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next() >> 24) }
    }

    var description: String { "Bytes(count: \(count), seed: \(seed))" }
}

/// Metadata that are given by the length of their description; 0 for none.
struct Words: Equatable, CustomStringConvertible {
    var count: Int

    var metadata: Metadata {
        var metadata = Metadata()
        if count > 0 { metadata.description = String(repeating: "w", count: count) }
        return metadata
    }

    var description: String { "Words(count: \(count))" }
}

/// One change of a transaction.
enum Change: Equatable {
    case set(SecretID, Bytes)
    case delete(SecretID)
    case describe(SecretID, Words)
}

/// The older versions that a compaction keeps.
enum Keep: Equatable {
    case all, none
    /// Versions that were replaced at most this many milliseconds ago.
    case age(UInt64)
}

/// One step of a history; every step is possible in every state.
enum Operation: Equatable {
    case commit([Change], Actor)
    case delete(SecretID, Actor)
    case undo(SecretID, Actor)
    /// Edits the metadata of a secret, as one who read them before.
    case describe(SecretID, Words, Actor)
    case undoMetadata(SecretID, Actor)
    /// Makes changes if the part of a secret is what the actor last saw.
    case commitIfUnchanged([Change], SecretID, Part, Actor)
    case metadata(SecretID, version: Int, Actor)
    case metadataHistory(SecretID, Actor)
    case described(Actor)
    case value(SecretID, version: Int, Actor)
    case valueAt(SecretID, millisecondsAgo: Int, Actor)
    case history(SecretID, Actor)
    case contains(SecretID, Actor)
    case list(Actor)
    case names(Scope, Actor)
    case resolve(String, Context, Actor)
    case effective(Context, Actor)
    case summary(Actor)
    case refresh(Actor)
    case reopen(Actor)
    case compact(Keep, Actor)
    case backup(Int, Actor)
    case restore(Int, Actor)
    case lock
    case unlock
    /// Sets the clock forward or back.
    case clock(Int)
    /// Appends bytes that are not frames, as a killed writer may leave them.
    case garbage(Bytes)
    /// Appends a part, in thousandths, of the bytes of these changes, as a killed writer leaves them.
    case killed([Change], permille: Int)
}

extension Operation {
    /// Returns a random step: most read or write, a few rewrite or replace the file.
    static func random(_ random: inout ModelTests.Xorshift) -> Operation {
        let (actor, secret) = (Actor.random(&random), SecretID.random(&random))
        switch Int.random(in: 0..<1000, using: &random) {
        case 0..<220: return .commit(changes(&random), actor)
        case 220..<260: return .delete(secret, actor)
        case 260..<300: return .undo(secret, actor)
        case 300..<330: return .describe(secret, .random(&random), actor)
        case 330..<345: return .undoMetadata(secret, actor)
        case 345..<370:
            let part: Part = Bool.random(using: &random) ? .value : .metadata
            return .commitIfUnchanged(changes(&random), secret, part, actor)
        case 370..<490: return .value(secret, version: small(&random), actor)
        case 490..<530:
            return .valueAt(secret, millisecondsAgo: Int.random(in: -5...400, using: &random), actor)
        case 530..<560: return .metadata(secret, version: small(&random), actor)
        case 560..<580: return .metadataHistory(secret, actor)
        case 580..<590: return .described(actor)
        case 590..<640: return .history(secret, actor)
        case 640..<665: return .contains(secret, actor)
        case 665..<690: return .list(actor)
        case 690..<710: return .names(secret.scope, actor)
        case 710..<780: return .resolve(secret.name, Context.random(&random), actor)
        case 780..<810: return .effective(Context.random(&random), actor)
        case 810..<830: return .summary(actor)
        case 830..<890: return .refresh(actor)
        case 890..<905: return .reopen(actor)
        case 905..<912: return .compact(.random(&random), actor)
        case 912..<918: return .backup(Int.random(in: 0..<2, using: &random), actor)
        case 918..<923: return .restore(Int.random(in: 0..<2, using: &random), actor)
        case 923..<928: return .lock
        case 928..<945: return .unlock
        case 945..<985: return .clock(Int.random(in: -300...500, using: &random))
        case 985..<993: return .garbage(.random(&random))
        default: return .killed(changes(&random), permille: Int.random(in: 1..<1000, using: &random))
        }
    }

    private static func small(_ random: inout ModelTests.Xorshift) -> Int {
        Bool.random(using: &random) ? 0 : Int.random(in: 0..<6, using: &random)
    }

    private static func changes(_ random: inout ModelTests.Xorshift) -> [Change] {
        let count = Int.random(in: 0..<4, using: &random) > 0 ? 1 : Int.random(in: 2...5, using: &random)
        return (0..<count).flatMap { _ -> [Change] in
            let secret = SecretID.random(&random)
            switch Int.random(in: 0..<12, using: &random) {
            case 0..<2: return [.delete(secret)]
            case 2: return [.describe(secret, .random(&random))]
            case 3: return [.set(secret, .random(&random)), .describe(secret, .random(&random))]
            default: return [.set(secret, .random(&random))]
            }
        }
    }
}

extension Actor {
    fileprivate static func random(_ random: inout ModelTests.Xorshift) -> Actor {
        Actor.allCases[Int.random(in: 0..<3, using: &random)]
    }
}

extension SecretID {
    /// Returns one of few secrets, so that steps collide; sometimes one with an invalid name.
    fileprivate static func random(_ random: inout ModelTests.Xorshift) -> SecretID {
        let names = ["A", "B", "C", "D_1", "E.x"]
        let name = Int.random(in: 0..<200, using: &random) == 0 ? "1A" : names.randomElement(using: &random)
        return SecretID(name ?? "A", in: .random(&random))
    }
}

extension Scope {
    fileprivate static func random(_ random: inout ModelTests.Xorshift) -> Scope {
        switch Int.random(in: 0..<5, using: &random) {
        case 0: .team
        case 1: .project("p")
        case 2: .project("q")
        case 3: .cluster("p")
        default: .cluster("c")
        }
    }
}

extension Context {
    fileprivate static func random(_ random: inout ModelTests.Xorshift) -> Context {
        Context(
            project: [nil, "p", "q", "none"].randomElement(using: &random) ?? nil,
            cluster: [nil, "p", "c"].randomElement(using: &random) ?? nil)
    }
}

extension Bytes {
    /// Returns a random value, mostly short, of every bucket size, sometimes empty.
    fileprivate static func random(_ random: inout ModelTests.Xorshift) -> Bytes {
        let most =
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<80: 60
            case 80..<95: 900
            case 95..<99: 4000
            default: 70_000
            }
        return Bytes(
            count: Int.random(in: 0...most, using: &random), seed: UInt64.random(in: 0..<1000, using: &random)
        )
    }
}

extension Words {
    /// Returns random metadata, of few lengths, so that some are those that are there.
    fileprivate static func random(_ random: inout ModelTests.Xorshift) -> Words {
        Words(count: [0, 0, 1, 2, 3, 60, 900, 4000].randomElement(using: &random) ?? 0)
    }
}

extension Keep {
    fileprivate static func random(_ random: inout ModelTests.Xorshift) -> Keep {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: .all
        case 1: .none
        default: .age(UInt64.random(in: 0...2000, using: &random))
        }
    }
}
