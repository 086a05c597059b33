import Foundation

/// Where the vault is: in the container that the app shares with its extensions, protected until the first unlock, and
/// excluded from backups.
public struct VaultPlace: Sendable {
    private let container: URL

    /// - Parameter container: the container of the app group, or the app's own
    public init(container: URL) { self.container = container }

    /// Creates the folder if it does not exist.
    ///
    /// - Returns: the vault's path
    public func prepare() throws -> String {
        let folder = container.appendingPathComponent("Vault", isDirectory: true)
        var attributes: [FileAttributeKey: Any] = [.posixPermissions: 0o700]
        #if os(iOS)
        // Files created inside inherit the attribute: the vault's journal needs as much protection as the vault.
        attributes[.protectionKey] = FileProtectionType.completeUntilFirstUserAuthentication
        #endif
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true, attributes: attributes)
        try FileManager.default.setAttributes(attributes, ofItemAtPath: folder.path)
        #if canImport(Darwin)
        // The vault's key stays on this device, so a copy elsewhere would be unreadable.
        var values = URLResourceValues()
        values.isExcludedFromBackup = true
        var excluded = folder
        try excluded.setResourceValues(values)
        #endif
        return folder.appendingPathComponent("vault.db").path
    }
}
