import Testing
import VaultCore

@Suite struct `Resolution` {
    static let project = Scope.project("web")
    static let cluster = Scope.cluster("gpu-1")
    static let contexts = [
        Context(), Context(project: "web"), Context(cluster: "gpu-1"),
        Context(project: "web", cluster: "gpu-1"),
    ]

    @Test(arguments: 0..<8, contexts)
    func `project beats cluster beats team, in every combination of presence and context`(
        presence: Int, context: Context
    ) throws {
        let vault = try TemporaryVault().create()
        let all = [Self.project, Self.cluster, .team]
        let present = all.enumerated().filter { presence >> $0.offset & 1 == 1 }.map(\.element)
        for scope in present { try vault.put("NAME", scope, "value in \(scope)") }
        try vault.put("NAME", .project("other"), "never used")
        try vault.put("NAME", .cluster("other"), "never used")

        // What the rule says, spelled out without the code under test.
        let named = all.filter { scope in
            switch scope {
            case .project: context.project != nil
            case .cluster: context.cluster != nil
            case .team: true
            }
        }
        let expected = named.filter(present.contains)

        let resolution = try vault.resolve("NAME", in: context)
        #expect(resolution?.winner == expected.first.map { SecretID("NAME", in: $0) })
        #expect(resolution?.shadowed ?? [] == expected.dropFirst().map { SecretID("NAME", in: $0) })
        #expect(try vault.effective(in: context) == expected.prefix(1).map { SecretID("NAME", in: $0) })
        if let winner = expected.first {
            #expect(try vault.bytes("NAME", winner) == Array("value in \(winner)".utf8))
        }
    }

    @Test func `a deleted secret shadows nothing`() throws {
        let vault = try TemporaryVault().create()
        try vault.put("NAME", .team, "team")
        try vault.put("NAME", Self.project, "project")
        try vault.delete("NAME", in: Self.project)
        let resolution = try vault.resolve("NAME", in: Context(project: "web"))
        #expect(resolution?.winner.scope == .team)
        #expect(resolution?.shadowed == [])
    }

    @Test func `a project and a cluster of the same id are two scopes`() throws {
        let vault = try TemporaryVault().create()
        try vault.put("NAME", .project("x"), "project")
        #expect(try vault.resolve("NAME", in: Context(cluster: "x")) == nil)
        #expect(try !vault.contains(SecretID("NAME", in: .cluster("x"))))
    }

    @Test func `effective names are sorted bytewise, each once, with the scope that wins`() throws {
        let vault = try TemporaryVault().create()
        for (name, scope) in [
            ("b", Scope.team), ("B", .team), ("a", .team), ("a", Self.project), ("_", Self.cluster),
        ] {
            try vault.put(name, scope, "x")
        }
        let effective = try vault.effective(in: Context(project: "web", cluster: "gpu-1"))
        #expect(
            effective == [
                SecretID("B", in: .team), SecretID("_", in: Self.cluster), SecretID("a", in: Self.project),
                SecretID("b", in: .team),
            ])
    }

    @Test func `all secrets are sorted by scope, id and name`() throws {
        let vault = try TemporaryVault().create()
        for scope in [Scope.team, .project("b"), .project("a"), .project("a-b"), .cluster("z")] {
            try vault.put("N", scope, "x")
        }
        #expect(
            vault.secrets().map(\.scope) == [
                .cluster("z"), .project("a"), .project("a-b"), .project("b"), .team,
            ])
        #expect(try vault.names(in: .project("a")) == ["N"])
    }
}
