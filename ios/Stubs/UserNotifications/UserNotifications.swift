// What AuthenticatorDevice uses of Apple's UserNotifications, for systems without it.
import Foundation

open class UNNotificationContent: @unchecked Sendable {
    public var userInfo: [AnyHashable: Any] = [:]
    public init() {}
}

open class UNMutableNotificationContent: UNNotificationContent, @unchecked Sendable {
    public var title = "", subtitle = "", body = "", categoryIdentifier = ""
}

public struct UNNotificationActionOptions: OptionSet, Sendable {
    public let rawValue: UInt
    public init(rawValue: UInt) { self.rawValue = rawValue }
    public static let authenticationRequired = Self(rawValue: 1)
    public static let destructive = Self(rawValue: 2)
}

open class UNNotificationAction: @unchecked Sendable {
    public let identifier: String, title: String
    public let options: UNNotificationActionOptions
    public init(identifier: String, title: String, options: UNNotificationActionOptions) {
        (self.identifier, self.title, self.options) = (identifier, title, options)
    }
}

public struct UNNotificationCategoryOptions: OptionSet, Sendable {
    public let rawValue: UInt
    public init(rawValue: UInt) { self.rawValue = rawValue }
}

open class UNNotificationCategory: Hashable, @unchecked Sendable {
    public let identifier: String
    public let actions: [UNNotificationAction]
    public init(identifier: String, actions: [UNNotificationAction], intentIdentifiers _: [String], options _: UNNotificationCategoryOptions = []) {
        (self.identifier, self.actions) = (identifier, actions)
    }

    public static func == (left: UNNotificationCategory, right: UNNotificationCategory) -> Bool { left === right }
    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
