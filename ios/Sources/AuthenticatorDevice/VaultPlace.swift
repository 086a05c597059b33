import Foundation

/// Where the vault is: in the container that the app shares with its extensions, protected until the first unlock, and in
/// no backup.
public struct VaultPlace: Sendable {
    private let container: URL

    /// - Parameter container: of the app group, or the app's own
    public init(container: URL) { self.container = container }

    /// Makes the folder where it is missing.
    ///
    /// - Returns: the vault's path
    public func prepare() throws -> String {
        let folder = container.appendingPathComponent("Vault", isDirectory: true)
        var attributes: [FileAttributeKey: Any] = [.posixPermissions: 0o700]
        #if os(iOS)
        // What is made inside has it, too: the vault's journal is as worth protecting as the vault.
        attributes[.protectionKey] = FileProtectionType.completeUntilFirstUserAuthentication
        #endif
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true, attributes: attributes)
        try FileManager.default.setAttributes(attributes, ofItemAtPath: folder.path)
        #if canImport(Darwin)
        // Its key stays on this device, so a copy elsewhere could not be read.
        var values = URLResourceValues()
        values.isExcludedFromBackup = true
        var excluded = folder
        try excluded.setResourceValues(values)
        #endif
        return folder.appendingPathComponent("vault.db").path
    }
}
