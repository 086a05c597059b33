#if canImport(UserNotifications)
import AuthenticatorModels
import PushAuthenticator
import UserNotifications

/// What the system shows for pushes.
public enum PushAlerts {
    public static let category = "org.pushauthenticator.request"
    public static let deny = "org.pushauthenticator.deny"
    /// The key of the request's id in a notification's user info.
    public static let requestId = "org.pushauthenticator.request-id"

    /// The kind of notification a sign-on request is: it can be denied at once, by who unlocks the device. Approving takes
    /// the app, where number and context are seen.
    public static func categories(_ text: (Words) -> String) -> Set<UNNotificationCategory> {
        let deny = UNNotificationAction(identifier: deny, title: text(.requestDeny), options: [.authenticationRequired, .destructive])
        return [UNNotificationCategory(identifier: category, actions: [deny], intentIdentifiers: [])]
    }

    /// Puts into a notification what may be seen on a lock screen, and takes out everything else: the signed message, too.
    public static func fill(_ content: UNMutableNotificationContent, with alert: PushIntake.Alert, _ text: (Words) -> String) {
        content.title = text(alert.title)
        content.subtitle = alert.subtitle ?? ""
        content.body = ""
        content.categoryIdentifier = alert.canDenyThere ? category : ""
        content.userInfo = alert.requestId.map { [requestId: $0] } ?? [:]
    }
}

#endif
