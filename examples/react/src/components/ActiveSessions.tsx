/** A list of one's own making, by the hook in `hooks/useSessions.ts`. */
import { formats } from "@sojourn/web";
import { RotateCcw } from "lucide-react";
import { useEffect } from "react";
import { Button } from "@/components/ui/button";
import { Card, CardContent, CardHeader, CardTitle } from "@/components/ui/card";
import { useSessions } from "@/hooks/useSessions";
import { apiClient, sessionEvents } from "@/services/apiClient";

type Session = NonNullable<ReturnType<typeof useSessions>["sessions"]>[number];

export function ActiveSessions() {
  const { sessions, isLoading, logout, logoutAll, refetch } = useSessions();

  useEffect(() => {
    const unsubscribe = sessionEvents.subscribe(() => {
      // Handle session expiration
      console.log('Session expired!');
    });

    return unsubscribe;
  }, []);

  return (
    <Card>
      <CardHeader className="flex justify-between items-center">
        <div className="flex items-center gap-2">
          <CardTitle className="text-lg font-semibold">Active Sessions</CardTitle>
          <Button variant="ghost" size="icon" onClick={() => refetch()} title="Refresh sessions">
            <RotateCcw className="w-4 h-4" />
          </Button>
        </div>
        <Button variant="destructive" size="sm" onClick={() => logoutAll()}>
          Logout All
        </Button>
      </CardHeader>
      <CardContent>
        {isLoading && <p>Loading…</p>}
        <ul>
          {sessions?.map((session) => <Row key={session.id} session={session} logout={logout} />)}
        </ul>
        <p className="text-xs text-muted-foreground">Last updated: {new Date().toLocaleTimeString()}</p>
      </CardContent>
    </Card>
  );
}

function Row({ session, logout }: { session: Session; logout: (id: string) => void }) {
  const left = Date.parse(session.expires_at) - apiClient().now();
  return (
    <li className="flex justify-between items-center">
      <div>
        <strong>{session.device.custom_name ?? session.device.name}</strong>
        <p className="text-xs text-muted-foreground">
          IP: {session.ip} • Logged in: {formats.absolute(session.created_at)} • Expires in{" "}
          {formats.duration(left)}
        </p>
      </div>
      {session.current ? (
        <span className="badge">Current</span>
      ) : (
        <Button size="sm" onClick={() => logout(session.id)}>
          Logout
        </Button>
      )}
    </li>
  );
}
