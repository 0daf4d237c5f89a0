// The types that the library shares with the program. A client that imports VaultKit sees these declarations
// of VaultCore and no others, so everything else there can change freely.
@_exported public import struct VaultCore.Context
@_exported public import struct VaultCore.Metadata
@_exported public import struct VaultCore.Resolution
@_exported public import enum VaultCore.Scope
@_exported public import struct VaultCore.SecretID
@_exported public import struct VaultCore.SecretVersion
